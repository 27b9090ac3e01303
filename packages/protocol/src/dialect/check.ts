// Holds a Dialect document to its schema, and to what a schema cannot say: codes one to one, every carrier once.
import { GRANT_TYPES } from '../oauth/grant_type.ts'
import { type Dialect, ENDPOINT_NAMES } from './dialect.ts'
import { flag, integer, json, list, object, oneOf, orNull, type Problem, record, type Shape, text } from './shape.ts'

const name = text(/^[a-z][a-z0-9-]{0,63}$/, 'a name of a-z, 0-9 and -, starting with a letter')
const parameter = text(/^[\x21-\x7e]{1,128}$/, 'a parameter name of visible ASCII characters')
const memberName = text(/^[\x20-\x7e]{1,128}$/, 'a member name of printable ASCII characters')
const header = text(/^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'a header field name in lower case')
const scheme = text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$/, 'a scheme word')
// `{realm}` and `{kid}` stand for one segment; nothing a proxy could read in two ways is allowed.
const path = text(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._~{}-]+)+$/, 'a path like /oauth2/token')
const oauthCode = text(/^[a-z_]{1,64}$/, 'an OAuth error code')

const grantRule = object({ grant_type: parameter, needs: list(parameter), is: oneOf(...GRANT_TYPES), required: flag })
const composite = object({
  parameter,
  encoding: oneOf('base64', 'text'),
  members: list(parameter, 2, 8),
  separator: text(/^[\x20-\x7e]{1,8}$/, 'a short text of printable ASCII characters'),
})
const member = (...sources: readonly string[]): Shape =>
  object({ name: memberName }, { from: oneOf(...sources), constant: json, absent: json, as: oneOf('text', 'list'), verbatim: oneOf('omit', 'only') })
const carrier = object({ header, scheme: orNull(scheme) })
const claim = object(
  { name: memberName },
  {
    from: oneOf('iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'client_id', 'scope', 'sid', 'username', 'grant_type'),
    constant: json,
    template: text(/^[\x20-\x7e]{1,256}$/, 'a text of printable ASCII characters'),
    subject: oneOf('client', 'user'),
  },
)

const paths = list(path, 1, 8)
const { token: _, ...otherEndpoints } = Object.fromEntries(ENDPOINT_NAMES.map((endpoint) => [endpoint, paths]))

const dialectShape = object({
  name,
  verbatim: flag,
  mount: oneOf('prefixed', 'absolute'),
  endpoints: object({ token: paths }, otherEndpoints),
  token_request: object({
    encodings: list(oneOf('form', 'json'), 1, 2),
    client_auth: list(oneOf('client_secret_basic', 'client_secret_post', 'none'), 1, 3),
    parameters: record(parameter, parameter),
    composites: list(composite, 0, 8),
    ignored: list(parameter),
    grants: list(grantRule, 0, 16),
  }),
  token_response: object({
    envelope: orNull(memberName),
    members: list(member('access_token', 'token_type', 'expires_in', 'refresh_token', 'refresh_expires_in', 'scope'), 1),
  }),
  error: object({
    envelope: orNull(memberName),
    members: list(member('error', 'error_description', 'status'), 1),
    statuses: record(integer(400, 599), oauthCode),
    codes: record(text(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'a code'), oauthCode),
  }),
  presentation: object({ token: list(carrier, 1, 8), api_key: list(carrier, 0, 8) }),
  claims: object({
    typ: oneOf('at+jwt', 'JWT'),
    issuer_slash: flag,
    algorithm: oneOf('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'),
    members: list(claim, 1),
  }),
  metadata: object({ omit: list(memberName), constants: record(json, memberName), space_joined: list(memberName) }),
})

/** Every place where the value is not a Dialect; empty: it is one. */
export function dialectProblems(value: unknown): readonly Problem[] {
  const problems: Problem[] = []
  dialectShape(value, '', problems)
  if (problems.length === 0) meaningProblems(value as Dialect, problems)
  return problems
}

/** Required of the payload, or of every family that `typ: JWT` shares with ID tokens: a claim that those never have. */
const REQUIRED_CLAIMS = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti']

function meaningProblems(dialect: Dialect, problems: Problem[]): void {
  const { token_request, token_response, error, presentation, claims } = dialect
  twice(problems, 'token_response.members', visible(token_response.members, dialect.verbatim))
  twice(problems, 'error.members', visible(error.members, dialect.verbatim))
  twice(problems, 'error.codes', Object.values(error.codes))
  twice(problems, 'token_request.parameters', Object.values(token_request.parameters))
  twice(problems, 'presentation.token', presentation.token.map((one) => `${one.header} ${one.scheme?.toLowerCase() ?? ''}`))
  oneValueEach(problems, 'token_response.members', token_response.members)
  oneValueEach(problems, 'error.members', error.members)
  if (!token_response.members.some((one) => one.from === 'access_token')) {
    problems.push({ path: 'token_response.members', message: 'must have a member from access_token' })
  }
  for (const required of REQUIRED_CLAIMS) {
    if (!claims.members.some((one) => one.name === required)) problems.push({ path: 'claims.members', message: `must have ${required}` })
  }
  if (claims.typ === 'JWT' && !claims.members.some((one) => one.name === 'typ' && one.constant === 'Bearer')) {
    problems.push({ path: 'claims.members', message: "must have the constant typ: 'Bearer' when claims.typ is JWT, to tell access tokens from ID tokens" })
  }
  for (const [index, one] of claims.members.entries()) {
    const values = [one.from, one.constant, one.template].filter((value) => value !== undefined)
    if (values.length !== 1) problems.push({ path: `claims.members[${index}]`, message: 'must have exactly one of from, constant, template' })
  }
  if (dialect.mount === 'absolute') {
    for (const [endpoint, all] of Object.entries(dialect.endpoints)) {
      if (!all.every((one) => one.includes('{realm}'))) problems.push({ path: `endpoints.${endpoint}`, message: 'must have {realm} when mount is absolute' })
    }
  }
}

function visible(members: readonly { name: string; verbatim?: string }[], verbatim: boolean): string[] {
  return members.filter((one) => one.verbatim !== (verbatim ? 'omit' : 'only')).map((one) => one.name)
}

function oneValueEach(problems: Problem[], path: string, members: readonly { from?: unknown; constant?: unknown }[]): void {
  for (const [index, one] of members.entries()) {
    if ((one.from === undefined) === (one.constant === undefined)) {
      problems.push({ path: `${path}[${index}]`, message: 'must have exactly one of from, constant' })
    }
  }
}

function twice(problems: Problem[], path: string, names: readonly string[]): void {
  const seen = new Set<string>()
  for (const one of names) {
    if (seen.has(one)) problems.push({ path, message: `has '${one}' twice` })
    seen.add(one)
  }
}
