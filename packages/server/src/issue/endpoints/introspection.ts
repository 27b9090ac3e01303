// Introspection: what a token says, told to resource servers and to the token's own client. RFC 7662.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { writeScope } from '@countersign/protocol/oauth/scope'
import type { Client } from '../../model/client.ts'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Endpoint, EndpointRequest, RealmContext } from '../context.ts'
import { required } from '../grants/grant.ts'
import type { LiveToken } from '../live_token.ts'
import { findLiveToken, isBound } from '../live_token.ts'
import { jsonResponse } from './json_response.ts'

export const introspection: Endpoint = { methods: ['POST'], query: false, answer: answerIntrospection }

async function answerIntrospection(context: RealmContext, dialect: CompiledDialect, wire: EndpointRequest): Promise<WireResponse> {
  const request = dialect.tokenRequest.read(wire)
  const { client: caller } = await authenticateClient(context, dialect, request, wire)
  // A caller that proves nothing could scan for tokens (RFC 7662 section 2.1).
  if (caller.authMethods.includes('none')) throw new OAuthError('unauthorized_client', 'A public client cannot introspect tokens.')
  const live = await findLiveToken(context, required(request.parameters, 'token'))
  return jsonResponse(live && mayRead(caller, live) ? { active: true, ...describe(context, live) } : { active: false })
}

function mayRead(caller: Client, token: LiveToken): boolean {
  return caller.introspects || token.clientId === caller.clientId
}

function describe(context: RealmContext, token: LiveToken): Record<string, unknown> {
  if (token.kind === 'access_token') {
    // Keycloak's profile spells a claim `typ`; introspection's word for the kind of token is token_type.
    const { active: _, ...claims } = token.claims
    const username = claims['preferred_username']
    return {
      ...claims,
      client_id: token.clientId,
      token_type: isBound(claims) ? 'DPoP' : 'Bearer',
      ...(username === undefined ? {} : { username }),
    }
  }
  const { family, token: stored } = token.found
  return {
    iss: context.realm.issuer,
    client_id: family.clientId,
    sub: family.subject,
    scope: writeScope(family.scope),
    aud: family.audience,
    iat: stored.createdAt,
    exp: stored.expiresAt,
    token_type: 'refresh_token',
  }
}
