// Metadata of a guarded API: which authorization server its tokens come from, and how they are shown. RFC 9728 sections 2, 3 and 5.1.
import { PROOF_ALGORITHMS } from '@countersign/protocol/jose/dpop'
import type { Api } from '../../model/api.ts'
import type { Realm } from '../../model/realm.ts'
import type { Endpoint } from '../context.ts'
import { publicJsonResponse } from './json_response.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** One place at which callers find an API, and its metadata. */
export interface ResourcePlace {
  /** Host name, lower case; null: every host that is nobody's own. */
  readonly host: string | null
  /** Of the metadata on that host. */
  readonly path: string
  /** What the metadata say they are about: RFC 9728 section 3.3 has clients compare it with the URL they asked. Never from `Host`. */
  readonly resource: string
}

/** Own hosts first. */
export function resourcePlaces({ hosts, prefix }: Api, realm: Realm): readonly ResourcePlace[] {
  const path = WELL_KNOWN + prefix
  return [
    ...hosts.map((host) => ({ host, path: WELL_KNOWN, resource: `https://${host}` })),
    { host: null, path, resource: new URL(realm.issuer).origin + prefix },
    ...realm.hosts.map((host) => ({ host, path, resource: `https://${host}${prefix}` })),
  ]
}

/**
 * For the challenges of an API's guard; undefined where they must stay as an imitated provider's clients know them: a realm offers the
 * standards' way in by having the dialect `standard` among its own.
 */
export function resourceMetadataUrl(api: Api, realm: Realm): string | undefined {
  if (!realm.dialects.some((dialect) => dialect.name === 'standard')) return undefined
  const [first] = resourcePlaces(api, realm)
  return first && new URL(first.resource).origin + first.path
}

export function protectedResource(api: Api, { resource }: ResourcePlace): Endpoint {
  return {
    methods: ['GET'],
    query: true,
    answer: async ({ realm, dialects }) => {
      const standardHeader = dialects.some((one) => one.document.presentation.token.some(({ header }) => header === 'authorization'))
      return publicJsonResponse({
        resource,
        authorization_servers: [realm.issuer],
        scopes_supported: scopesOf(api, realm),
        ...(standardHeader && { bearer_methods_supported: ['header'], dpop_signing_alg_values_supported: PROOF_ALGORITHMS }),
        resource_name: api.id,
      })
    },
  }
}

/** Those that routes ask for; where none does, all that the audience understands. */
function scopesOf({ audience, routes }: Api, realm: Realm): readonly string[] {
  const asked = new Set(routes.flatMap((route) => route.scopes))
  if (asked.size > 0) return [...asked]
  const understood = realm.audiences.find((one) => one.identifier === audience)?.scopes ?? []
  return understood.length > 0 ? understood : realm.scopes
}
