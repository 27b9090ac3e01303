// The end of everything a client was given, when it is switched off: its access tokens live on by themselves otherwise. One that is taken
// away loses them with itself (ClientStore.remove).
import type { Act } from '../model/audit.ts'
import type { Client } from '../model/client.ts'
import type { Store } from '../model/store.ts'
import { clientRevocation } from '../model/token.ts'

/** Ends what it has by now; what it is given once it is enabled again lives. Durable when it resolves. */
export async function endTokens(
  store: Pick<Store, 'accessTokens'>,
  { realmId, clientId }: Pick<Client, 'realmId' | 'clientId'>,
  act: Act,
): Promise<void> {
  const entry = { ...act, realmId, event: 'token.revoked', clientId, address: '', detail: { all: true } } as const
  await store.accessTokens.revoke(clientRevocation(realmId, clientId, act.at), entry)
}
