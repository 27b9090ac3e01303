// Brings the store to what the configuration says: puts what is new or changed, removes clients, users and keys it no longer has.
// A realm that is no longer configured is not served, but its keys and tokens stay: an omission must not destroy them.
import { isDeepStrictEqual } from 'node:util'
import type { RealmSetup } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'

const PAGE = 500

export async function applyConfiguration(store: Store, setups: readonly RealmSetup[]): Promise<void> {
  await Promise.all(setups.map((setup) => applyRealm(store, setup)))
}

async function applyRealm(store: Store, { realm, clients, users, apiKeys }: RealmSetup): Promise<void> {
  const { id } = realm
  if (!isDeepStrictEqual(await store.realms.find(id), realm)) await store.realms.put(realm)
  await Promise.all([
    removeOthers(
      (after) => store.clients.list(id, after, PAGE),
      (client) => client.clientId,
      new Set(clients.map((one) => one.clientId)),
      (name) => store.clients.remove(id, name),
    ),
    removeOthers(
      (after) => store.users.list(id, after, PAGE),
      (user) => user.username,
      new Set(users.map((one) => one.username)),
      async (username) => {
        const user = await store.users.findByUsername(id, username)
        if (user) await store.users.remove(id, user.id)
      },
    ),
  ])
  await Promise.all([
    ...clients.map(async (client) => {
      if (!isDeepStrictEqual(await store.clients.find(id, client.clientId), client)) await store.clients.put(client)
      const kept = new Set(apiKeys.filter((key) => key.clientId === client.clientId).map((key) => key.id))
      for (const key of await store.apiKeys.list(id, client.clientId)) if (!kept.has(key.id)) await store.apiKeys.remove(id, key.id)
    }),
    ...users.map(async (user) => {
      if (!isDeepStrictEqual(await store.users.find(id, user.id), user)) await store.users.put(user)
    }),
  ])
  await Promise.all(
    apiKeys.map(async (key) => {
      if (!isDeepStrictEqual(await store.apiKeys.findByHash(id, key.hash), key)) await store.apiKeys.put(key)
    }),
  )
}

/** @param list one page of the realm's nouns after a name, by name. */
async function removeOthers<Noun>(
  list: (after: string) => Promise<Noun[]>,
  nameOf: (noun: Noun) => string,
  kept: ReadonlySet<string>,
  remove: (name: string) => Promise<void>,
): Promise<void> {
  let after = ''
  let page: Noun[]
  do {
    page = await list(after)
    const names = page.map(nameOf)
    await Promise.all(names.filter((name) => !kept.has(name)).map(remove))
    after = names.at(-1) ?? ''
  } while (page.length === PAGE)
}
