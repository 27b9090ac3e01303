// The end of a session as Keycloak's clients ask for it: the refresh token comes in, its family is dead, 204.
import { OAuthError } from '@countersign/protocol/oauth/error'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Endpoint } from '../context.ts'
import { required } from '../grants/grant.ts'
import { findRevocableToken } from '../live_token.ts'
import { killFamily } from '../mint/refresh_token.ts'

export const endSession: Endpoint = {
  methods: ['POST'],
  query: false,
  async answer(context, dialect, wire) {
    const request = dialect.tokenRequest.read(wire)
    const { client } = await authenticateClient(context, dialect, request, wire)
    const live = await findRevocableToken(context, required(request.parameters, 'refresh_token'))
    if (live?.kind === 'refresh_token') {
      if (live.clientId !== client.clientId) throw new OAuthError('invalid_grant', 'The token was issued to another client.')
      await killFamily(context, live.found.family, wire.caller, 'token.revoked')
    }
    return { status: 204, headers: { 'cache-control': 'no-store' }, body: '' }
  },
}
