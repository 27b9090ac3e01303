// The JWK Set: every key that a token of this realm may be verified with. RFC 7517 section 5.
import type { Endpoint } from '../context.ts'
import { publicJsonResponse } from './json_response.ts'

export const jwks: Endpoint = {
  methods: ['GET'],
  query: true,
  answer: async (context) => publicJsonResponse({ keys: await context.keys.publicKeys() }),
}
