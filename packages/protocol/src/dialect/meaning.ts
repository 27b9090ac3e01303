// What a schema cannot say of a Dialect document: that its codecs read back what they write, and that its tokens are safe.
// check.ts asks here once the document has its shape.
import { isOAuthErrorCode } from '../oauth/error.ts'
import type { Carrier, ClaimMember, Dialect, Member } from './dialect.ts'
import type { Problem } from './shape.ts'

/** Every place where a well-formed document means nothing, or two things; empty: none. */
export function meaningProblems(dialect: Dialect): readonly Problem[] {
  return [
    ...endpointProblems(dialect),
    ...parameterProblems(dialect),
    ...compositeProblems(dialect),
    ...grantProblems(dialect),
    ...answerProblems('token_response.members', dialect.token_response.members, dialect.verbatim),
    ...tokenMemberProblems(dialect),
    ...answerProblems('error.members', dialect.error.members, dialect.verbatim),
    ...codeProblems(dialect),
    ...presentationProblems(dialect),
    ...claimProblems(dialect),
    ...metadataProblems(dialect),
  ]
}

/** Canonical parameters that a token request may have, whatever the dialect: no other may take their names on the wire. */
const CANONICAL = [
  'grant_type',
  'client_id',
  'client_secret',
  'username',
  'password',
  'refresh_token',
  'scope',
  'audience',
  'resource',
  'code',
  'code_verifier',
  'redirect_uri',
  'assertion',
  'client_assertion',
  'client_assertion_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'requested_token_type',
]

function endpointProblems({ endpoints, mount }: Dialect): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  for (const [endpoint, paths] of Object.entries(endpoints)) {
    for (const [index, path] of paths.entries()) {
      const at = `endpoints.${endpoint}[${index}]`
      if (seen.has(path)) problems.push({ path: at, message: `has '${path}' twice` })
      seen.add(path)
      if (path.includes('{kid}') !== (endpoint === 'pem')) {
        problems.push({ path: at, message: endpoint === 'pem' ? 'must have {kid}' : 'must not have {kid}, which is for pem' })
      }
      if (mount === 'absolute' && !path.includes('{realm}'))
        problems.push({ path: at, message: 'must have {realm} when mount is absolute' })
    }
  }
  return problems
}

function parameterProblems({ token_request }: Dialect): readonly Problem[] {
  const { parameters, composites, ignored, encodings, client_auth } = token_request
  const wire = (name: string): string => (Object.hasOwn(parameters, name) ? (parameters[name] ?? name) : name)
  const problems: Problem[] = [...twice('token_request.encodings', encodings), ...twice('token_request.client_auth', client_auth)]
  // Members of a composite never stand on the wire by themselves.
  const hidden = new Set(composites.flatMap((one) => one.members))
  const taken = new Set(CANONICAL.filter((name) => !hidden.has(name) && !Object.hasOwn(parameters, name)))
  const needed = new Set([wire('grant_type')])
  for (const [name, written] of Object.entries(parameters)) {
    const path = `token_request.parameters.${name}`
    if (taken.has(written)) problems.push({ path, message: `has '${written}', which is another parameter's name` })
    // Only `resource` may be repeated, by its own name: RFC 8707 section 2.
    else if (written === 'resource') problems.push({ path, message: "has 'resource', which no other parameter may be named" })
    taken.add(written)
    needed.add(written)
  }
  for (const [index, { parameter }] of composites.entries()) {
    const path = `token_request.composites[${index}].parameter`
    const written = wire(parameter)
    if (taken.has(written) && !Object.hasOwn(parameters, parameter))
      problems.push({ path, message: `has '${written}', which is another parameter's name` })
    needed.add(written)
  }
  for (const [index, name] of ignored.entries()) {
    if (needed.has(name)) problems.push({ path: `token_request.ignored[${index}]`, message: `has '${name}', which this dialect needs` })
  }
  return problems
}

function compositeProblems({ token_request }: Dialect): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  const parameters = new Set<string>()
  for (const [index, { parameter, members }] of token_request.composites.entries()) {
    const path = `token_request.composites[${index}]`
    for (const member of members) {
      if (seen.has(member)) problems.push({ path: `${path}.members`, message: `has '${member}' twice` })
      seen.add(member)
    }
    const nested = token_request.composites.some((other, at) => at !== index && other.members.includes(parameter))
    if (nested || parameters.has(parameter))
      problems.push({ path: `${path}.parameter`, message: `has '${parameter}', which is in another composite` })
    parameters.add(parameter)
  }
  return problems
}

function grantProblems({ token_request: { grants } }: Dialect): readonly Problem[] {
  return grants.flatMap((rule, index) => {
    const before = grants.findIndex((one) => one.grant_type === rule.grant_type && one.needs.every((name) => rule.needs.includes(name)))
    return before < index
      ? [{ path: `token_request.grants[${index}]`, message: `can never fit, since token_request.grants[${before}] fits first` }]
      : []
  })
}

function answerProblems(path: string, members: readonly Member<string>[], verbatim: boolean): readonly Problem[] {
  const names = members.map((one) => (isWritten(one, verbatim) ? one.name : undefined))
  const problems = [...twice(path, names)]
  for (const [index, one] of members.entries()) {
    if ((one.from === undefined) === (one.constant === undefined)) {
      problems.push({ path: `${path}[${index}]`, message: 'must have exactly one of from, constant' })
    }
    if (one.as === 'list' && one.from !== 'scope')
      problems.push({ path: `${path}[${index}].as`, message: 'must not be list, which is for a scope' })
  }
  return problems
}

function tokenMemberProblems({ token_response: { members }, verbatim }: Dialect): readonly Problem[] {
  const written = members.some((one) => one.from === 'access_token' && isWritten(one, verbatim))
  return written ? [] : [{ path: 'token_response.members', message: 'must have a member from access_token' }]
}

function isWritten(member: Member<string>, verbatim: boolean): boolean {
  return member.verbatim !== (verbatim ? 'omit' : 'only')
}

function codeProblems({ error: { codes } }: Dialect): readonly Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  for (const [code, written] of Object.entries(codes)) {
    const clash = seen.has(written) || (written !== code && isOAuthErrorCode(written) && !Object.hasOwn(codes, written))
    if (clash) problems.push({ path: `error.codes.${code}`, message: `has '${written}', which is another code's` })
    seen.add(written)
  }
  return problems
}

function presentationProblems({ presentation: { token, api_key } }: Dialect): readonly Problem[] {
  const spelling = (one: Carrier): string => `${one.header} ${one.scheme?.toLowerCase() ?? ''}`
  const problems = [...twice('presentation.token', token.map(spelling)), ...twice('presentation.api_key', api_key.map(spelling))]
  for (const [index, key] of api_key.entries()) {
    const clash = token.some(
      (one) => one.header === key.header && (one.scheme === null || key.scheme === null || spelling(one) === spelling(key)),
    )
    if (clash) problems.push({ path: `presentation.api_key[${index}]`, message: 'cannot be told from a token in the same header' })
  }
  return problems
}

/** Every access token has these; what a guard decides by must be the true value, not a constant. */
const REQUIRED_CLAIMS = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti']
const TRUE_CLAIMS = new Set(['iss', 'aud', 'exp', 'iat', 'nbf', 'jti'])

function claimProblems({ claims: { members, typ } }: Dialect): readonly Problem[] {
  const problems: Problem[] = []
  for (const [index, one] of members.entries()) {
    const path = `claims.members[${index}]`
    const values = [one.from, one.constant, one.template].filter((value) => value !== undefined)
    if (values.length !== 1) problems.push({ path, message: 'must have exactly one of from, constant, template' })
    else if (TRUE_CLAIMS.has(one.name) && one.from !== one.name) problems.push({ path, message: `must be from ${one.name}` })
    else if (one.name === 'sub' && one.constant !== undefined) problems.push({ path, message: 'must not be one for all' })
  }
  for (const subject of ['client', 'user'] as const) {
    const own = members.map((one) => (one.subject === undefined || one.subject === subject ? one : undefined))
    problems.push(
      ...twice(
        'claims.members',
        own.map((one) => one?.name),
      ),
      ...subjectProblems(subject, own, typ),
    )
  }
  return unique(problems)
}

function subjectProblems(subject: string, members: readonly (ClaimMember | undefined)[], typ: string): readonly Problem[] {
  const path = 'claims.members'
  const problems = REQUIRED_CLAIMS.filter((name) => !members.some((one) => one?.name === name)).map((name) => ({
    path,
    message: `must have ${name} in a ${subject}'s token`,
  }))
  // RFC 9068 says client_id, the families before it azp: by it a guard tells whose key goes with whose token.
  if (!members.some((one) => one?.from === 'client_id' && (one.name === 'client_id' || (typ === 'JWT' && one.name === 'azp')))) {
    problems.push({ path, message: `must have client_id from client_id in a ${subject}'s token` })
  }
  // A person's token belongs to a refresh family: without its name it would outlive the family's revocation.
  if (subject === 'user' && !members.some((one) => one?.name === 'sid' && one.from === 'sid')) {
    problems.push({ path, message: "must have sid from sid in a user's token, so that it dies with its refresh token" })
  }
  if (typ === 'JWT' && !members.some((one) => one?.name === 'typ' && one.constant === 'Bearer' && one.subject === undefined)) {
    problems.push({ path, message: "must have the constant typ: 'Bearer' when claims.typ is JWT, to tell access tokens from ID tokens" })
  }
  return problems
}

function metadataProblems({ metadata: { omit, constants } }: Dialect): readonly Problem[] {
  // RFC 8414 section 3.3: a client compares it with where it looked.
  const problems: Problem[] = []
  if (omit.includes('issuer')) problems.push({ path: `metadata.omit[${omit.indexOf('issuer')}]`, message: 'must not be issuer' })
  if (Object.hasOwn(constants, 'issuer')) problems.push({ path: 'metadata.constants.issuer', message: 'must not be given here' })
  return problems
}

function twice(path: string, names: readonly (string | undefined)[]): readonly Problem[] {
  return names.flatMap((one, index) =>
    one !== undefined && names.indexOf(one) < index ? [{ path: `${path}[${index}]`, message: `has '${one}' twice` }] : [],
  )
}

function unique(problems: readonly Problem[]): readonly Problem[] {
  return problems.filter((one, index) => problems.findIndex((other) => other.path === one.path && other.message === one.message) === index)
}
