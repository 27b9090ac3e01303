// Revocation: a client gives a token back; durable before the answer. RFC 7009.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Revocation } from '../../model/token.ts'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Caller, Endpoint, EndpointRequest, RealmContext } from '../context.ts'
import { required } from '../grants/grant.ts'
import { findRevocableToken } from '../live_token.ts'
import { killFamily } from '../mint/refresh_token.ts'
import { jsonResponse } from './json_response.ts'

export const revocation: Endpoint = { methods: ['POST'], query: false, answer: answerRevocation }

async function answerRevocation(context: RealmContext, dialect: CompiledDialect, wire: EndpointRequest): Promise<WireResponse> {
  const request = dialect.tokenRequest.read(wire)
  const { client } = await authenticateClient(context, dialect, request, wire)
  const live = await findRevocableToken(context, required(request.parameters, 'token'))
  // Unknown and dead tokens are as good as revoked (RFC 7009 section 2.2).
  if (!live) return jsonResponse({})
  if (live.clientId !== client.clientId) throw new OAuthError('invalid_grant', 'The token was issued to another client.')
  if (live.kind === 'refresh_token') await killFamily(context, live.found.family, wire.caller, 'token.revoked')
  else await revokeAccessToken(context, live.clientId, live.claims, wire.caller)
  return jsonResponse({})
}

async function revokeAccessToken(
  context: RealmContext,
  clientId: string,
  claims: Readonly<Record<string, unknown>>,
  { address }: Caller,
): Promise<void> {
  const { jti, exp } = claims
  if (typeof jti !== 'string' || typeof exp !== 'number')
    throw new OAuthError('unsupported_token_type', 'This token cannot be revoked: it has no name.')
  const realmId = context.realm.id
  const revoked: Revocation = { realmId, kind: 'jti', value: jti, expiresAt: Math.ceil(exp) }
  await context.store.accessTokens.revoke(revoked, {
    at: context.now(),
    by: 'client',
    realmId,
    event: 'token.revoked',
    clientId,
    address,
    detail: { jti },
  })
  context.revocations.note(revoked)
}
