// Holds a Dialect document to its schema. What a schema cannot say (codes one to one, every carrier once) is in meaning.ts.
import { OAUTH_ERRORS } from '../oauth/error.ts'
import { GRANT_TYPES } from '../oauth/grant_type.ts'
import type { Dialect } from './dialect.ts'
import { ENDPOINT_NAMES } from './dialect.ts'
import { meaningProblems } from './meaning.ts'
import type { Problem, Shape } from './shape.ts'
import { flag, integer, json, list, object, oneOf, orNull, record, text } from './shape.ts'

const name = text(/^[a-z][a-z0-9-]{0,63}$/, 'a name of a-z, 0-9 and -, starting with a letter')
// Nothing may be named __proto__: assigned, it would vanish; parsed strictly, it is refused.
const parameter = text(/^(?!__proto__$)[\x21-\x7e]{1,128}$/, 'a parameter name of visible ASCII characters')
const memberName = text(/^(?!__proto__$)[\x20-\x7e]{1,128}$/, 'a member name of printable ASCII characters')
// Fields that frame, route or describe the message belong to HTTP itself: a gateway strips carriers. `constructor` is on every object.
const header = text(
  /^(?!(?:__proto__|constructor|host|connection|content-length|content-type|transfer-encoding|te|upgrade|cookie|set-cookie)$)[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/,
  'a header field name in lower case that HTTP does not use itself',
)
const scheme = text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$/, 'a scheme word')
// `{realm}` and `{kid}` stand for one segment; nothing a proxy could read in two ways is allowed.
const path = text(/^(?:\/(?!\.\.?(?:\/|$))(?:[A-Za-z0-9._~-]|\{realm\}|\{kid\})+)+$/, 'a path like /oauth2/token')
const oauthCode = oneOf(...Object.keys(OAUTH_ERRORS))

const grantRule = object({ grant_type: parameter, needs: list(parameter), is: oneOf(...GRANT_TYPES), required: flag })
const composite = object({
  parameter,
  encoding: oneOf('base64', 'text'),
  members: list(parameter, 2, 8),
  separator: text(/^[\x20-\x7e]{1,8}$/, 'a short text of printable ASCII characters'),
})
const member = (...sources: readonly string[]): Shape =>
  object(
    { name: memberName },
    { from: oneOf(...sources), constant: json, absent: json, as: oneOf('text', 'list'), verbatim: oneOf('omit', 'only') },
  )
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
    client_auth: list(oneOf('client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'), 1, 5),
    parameters: record(parameter, parameter),
    composites: list(composite, 0, 8),
    ignored: list(parameter),
    grants: list(grantRule, 0, 16),
  }),
  token_response: object({
    envelope: orNull(memberName),
    members: list(
      member('access_token', 'token_type', 'expires_in', 'refresh_token', 'refresh_expires_in', 'scope', 'issued_token_type'),
      1,
    ),
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

/** Every place where the value is not a Dialect; empty: it is one. Never throws, whatever the value. */
export function dialectProblems(value: unknown): readonly Problem[] {
  const problems: Problem[] = []
  dialectShape(value, '', problems)
  return problems.length === 0 ? meaningProblems(value as Dialect) : problems
}
