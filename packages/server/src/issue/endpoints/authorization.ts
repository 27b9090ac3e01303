// The authorization endpoint of a realm without an interactive grant: every response type is refused, on the spot.
// No client has registered a redirect URI, so nothing is ever redirected (OAuth 2.1 section 4.1.2.1).
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Endpoint } from '../context.ts'

export const authorization: Endpoint = {
  methods: ['GET', 'POST'],
  query: true,
  async answer() {
    throw new OAuthError('unsupported_response_type', 'This realm issues tokens at its token endpoint only: it has no interactive sign-in.')
  },
}
