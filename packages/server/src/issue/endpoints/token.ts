// The token endpoint: read, authenticate, choose, authorize, narrow, charge, mint, write. RFC 6749 section 3.2.

import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { Client } from '../../model/client.ts'
import type { Realm } from '../../model/realm.ts'
import { chargeToken } from '../charge.ts'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Endpoint, EndpointRequest, RealmContext } from '../context.ts'
import type { Grant } from '../grants/grant.ts'
import { required } from '../grants/grant.ts'
import { GRANTS } from '../grants/grants.ts'
import { mint } from '../mint/mint.ts'
import { narrow } from '../narrow.ts'

export const token: Endpoint = { methods: ['POST'], query: false, answer: answerToken }

async function answerToken(context: RealmContext, dialect: CompiledDialect, wire: EndpointRequest): Promise<WireResponse> {
  const request = dialect.tokenRequest.read(wire)
  const client = await authenticateClient(context, dialect, request)
  const grant = chooseGrant(context.realm, client, request.parameters)
  const authorization = await grant.authorize(context, client, request.parameters)
  const grantable = narrow(context.realm, authorization, request.parameters)
  const charged = await chargeToken(context, client, wire.caller)
  try {
    const response = dialect.tokenResponse.write(await mint(context, dialect, grantable))
    return { ...response, headers: { ...response.headers, ...charged.headers } }
  } catch (error) {
    await charged.refund()
    throw error
  }
}

function chooseGrant(realm: Realm, client: Client, parameters: Parameters): Grant {
  const grant = GRANTS.get(required(parameters, 'grant_type'))
  if (!grant || !realm.grants.includes(grant.name)) {
    throw new OAuthError('unsupported_grant_type', `The grant_type must be one of ${realm.grants.join(', ')}.`)
  }
  if (!client.grants.includes(grant.name))
    throw new OAuthError('unauthorized_client', `This client may not use the grant_type ${grant.name}.`)
  return grant
}
