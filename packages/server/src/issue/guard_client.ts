// Who may ask on behalf of an API: a client that proves itself and introspects. Used by what only guards in other programs ask for.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { readBasicAuth } from '@countersign/protocol/oauth/basic_auth'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Client } from '../model/client.ts'
import { authenticateClient } from './client_auth/authenticate.ts'
import type { EndpointRequest, RealmContext } from './context.ts'

/** @throws OAuthError as client authentication does; unauthorized_client for one that does not introspect */
export async function authenticateGuard(context: RealmContext, dialect: CompiledDialect, wire: EndpointRequest): Promise<Client> {
  const field = wire.headers['authorization']
  const basic = field === undefined ? undefined : readBasicAuth(field)
  const request = { parameters: new Map<string, string>(), ...(basic && { basic }) }
  const { client } = await authenticateClient(context, dialect, request, wire)
  if (!mayGuard(client)) {
    throw new OAuthError('unauthorized_client', "This client may not ask on an API's behalf: give it `introspects: true`.", { status: 403 })
  }
  return client
}

/** Whether it still may; asked of a connection that stays open. */
export async function isGuard({ directory, realm }: RealmContext, clientId: string): Promise<boolean> {
  const client = await directory.client(realm.id, clientId)
  return client?.enabled === true && mayGuard(client)
}

function mayGuard({ introspects, authMethods }: Client): boolean {
  return introspects && !authMethods.includes('none')
}
