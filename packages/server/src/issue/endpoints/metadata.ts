// Metadata of the authorization server, in the canonical dialect's spelling. RFC 8414, OpenID Connect Discovery 1.0.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { EndpointName } from '@countersign/protocol/dialect/dialect'
import type { Endpoint, RealmContext } from '../context.ts'
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
  const authMethods = [...token_request.client_auth]
  const members: Record<string, unknown> = {
    issuer: realm.issuer,
    ...endpointUrls(context, dialect),
    grant_types_supported: realm.grants,
    // Required by OpenID Connect Discovery; no grant that begins at the authorization endpoint is offered.
    response_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [realm.algorithm],
    token_endpoint_auth_methods_supported: authMethods,
    introspection_endpoint_auth_methods_supported: authMethods.filter((method) => method !== 'none'),
    revocation_endpoint_auth_methods_supported: authMethods,
    scopes_supported: realm.scopes,
    ...quirks.constants,
  }
  if (dialect.document.verbatim) for (const name of quirks.space_joined) members[name] = spaceJoined(members[name])
  return Object.fromEntries(Object.entries(members).filter(([name]) => !quirks.omit.includes(name)))
}

function endpointUrls(context: RealmContext, dialect: CompiledDialect): Record<string, string> {
  const { realm } = context
  // Absolute paths stand on the issuer's origin, the others below the issuer itself.
  const base = dialect.document.mount === 'absolute' ? new URL(realm.issuer).origin : realm.issuer.replace(/\/$/, '')
  const urls: Record<string, string> = {}
  for (const [member, endpoint] of ENDPOINT_MEMBERS) {
    const path = dialect.paths(endpoint, realm.id, true)[0]
    if (path !== undefined) urls[member] = base + path
  }
  return urls
}

function spaceJoined(value: unknown): unknown {
  return Array.isArray(value) ? [value.join(' ')] : value
}
