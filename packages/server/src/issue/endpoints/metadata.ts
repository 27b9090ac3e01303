// Metadata of the authorization server, in the canonical dialect's spelling. RFC 8414, OpenID Connect Discovery 1.0, RFC 9449 section 5.1.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { EndpointName, WireClientAuth } from '@countersign/protocol/dialect/dialect'
import { ALGORITHMS } from '@countersign/protocol/jose/algorithm'
import { PROOF_ALGORITHMS } from '@countersign/protocol/jose/dpop'
import { HMAC_NAMES } from '@countersign/protocol/jose/hmac'
import type { Endpoint, RealmContext } from '../context.ts'
import { endpointUrls } from '../endpoint_urls.ts'
import { publicJsonResponse } from './json_response.ts'

export const metadata: Endpoint = {
  methods: ['GET'],
  query: true,
  answer: async (context, dialect) => publicJsonResponse(metadataOf(context, dialect)),
}

/** The order of the members is that of Wych's page. */
const ENDPOINT_MEMBERS: readonly (readonly [member: string, endpoint: EndpointName])[] = [
  ['authorization_endpoint', 'authorization'],
  ['token_endpoint', 'token'],
  ['introspection_endpoint', 'introspection'],
  ['userinfo_endpoint', 'userinfo'],
  ['end_session_endpoint', 'end_session'],
  ['revocation_endpoint', 'revocation'],
  ['jwks_uri', 'jwks'],
]

function metadataOf(context: RealmContext, dialect: CompiledDialect): Record<string, unknown> {
  const { realm } = context
  const { metadata: quirks, token_request } = dialect.document
  const methods = token_request.client_auth
  const members: Record<string, unknown> = {
    issuer: realm.issuer,
    ...endpointMembers(context, dialect),
    grant_types_supported: realm.grants,
    // Required by OpenID Connect Discovery; no grant that begins at the authorization endpoint is offered.
    response_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [realm.algorithm],
    ...authMembers('token', methods),
    ...authMembers(
      'introspection',
      methods.filter((method) => method !== 'none'),
    ),
    ...authMembers('revocation', methods),
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
    scopes_supported: realm.scopes,
    ...quirks.constants,
  }
  if (dialect.document.verbatim) for (const name of quirks.space_joined) members[name] = spaceJoined(members[name])
  return Object.fromEntries(Object.entries(members).filter(([name]) => !quirks.omit.includes(name)))
}

function endpointMembers({ realm }: RealmContext, dialect: CompiledDialect): Record<string, string> {
  const members: Record<string, string> = {}
  for (const [member, endpoint] of ENDPOINT_MEMBERS) {
    const url = endpointUrls(realm, dialect, endpoint)[0]
    if (url !== undefined) members[member] = url
  }
  return members
}

const SIGNATURES: readonly string[] = [...ALGORITHMS.keys()]

/** How a client may authenticate at an endpoint. RFC 8414 section 2: whoever takes assertions says by which algorithms. */
function authMembers(endpoint: string, methods: readonly WireClientAuth[]): Record<string, unknown> {
  const algorithms = [
    ...(methods.includes('private_key_jwt') ? SIGNATURES : []),
    ...(methods.includes('client_secret_jwt') ? HMAC_NAMES : []),
  ]
  return {
    [`${endpoint}_endpoint_auth_methods_supported`]: methods,
    ...(algorithms.length > 0 && { [`${endpoint}_endpoint_auth_signing_alg_values_supported`]: algorithms }),
  }
}

function spaceJoined(value: unknown): unknown {
  return Array.isArray(value) ? [value.join(' ')] : value
}
