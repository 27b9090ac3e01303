// What a guard in another program needs to know of a realm, in one document: `GET /realms/{realm}/guard`. Public, as all in it is.
// Its places are paths, so that whoever fetched it stays at the origin he was told to trust.
import type { Endpoint, RealmContext } from '../context.ts'
import { publicJsonResponse } from './json_response.ts'

export const guardMetadata: Endpoint = {
  methods: ['GET'],
  query: true,
  answer: async (context) => publicJsonResponse(documentOf(context)),
}

/** Below `/realms/{realm}`: ours alone, no provider's dialect has a word for them. */
export const GUARD_PATHS = { guard: '/guard', revocations: '/revocations', apiKey: '/api-key' } as const

function documentOf({ realm, dialects }: RealmContext): Record<string, unknown> {
  const base = `/realms/${realm.id}`
  const [canonical] = dialects
  return {
    issuer: realm.issuer,
    realm: realm.id,
    jwks: canonical?.paths('jwks', realm.id, false)[0] ?? null,
    introspection: canonical?.paths('introspection', realm.id, false)[0] ?? null,
    revocations: base + GUARD_PATHS.revocations,
    api_key: base + GUARD_PATHS.apiKey,
    dialects: realm.dialects,
  }
}
