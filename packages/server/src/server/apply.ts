// Brings the store to what the configuration says: puts what is new or changed, removes what it no longer has. What a command made or ended
// stays as it is. A realm that is no longer configured is not served, but its keys and tokens stay: an omission must not destroy them.
// docs/decisions/0007.
import { isDeepStrictEqual } from 'node:util'
import { idOf } from '../config/client_auth.ts'
import type { Progress } from '../config/config.ts'
import type { ApiKey } from '../model/api_key.ts'
import type { Act } from '../model/audit.ts'
import type { Client, ClientSecret } from '../model/client.ts'
import type { RealmSetup } from '../model/configuration.ts'
import type { Realm } from '../model/realm.ts'
import type { Store } from '../model/store.ts'
import type { User } from '../model/user.ts'
import { eachTogether } from './together.ts'

/** Rows read at once. */
const PAGE = 500
/** Changes of one realm asked for at once. */
const CHANGES = 500

/**
 * One transaction a noun, none for what is there already, so that a start without a change writes nothing. What is there is read in pages,
 * since one client after another would take as many round trips.
 * @returns a sentence for the operator for each configured secret and API key that a command gave an end
 */
export async function applyConfiguration(
  store: Pick<Store, 'realms' | 'clients' | 'users' | 'apiKeys' | 'accessTokens'>,
  setups: readonly RealmSetup[],
  act: Act,
  progress?: Progress,
): Promise<string[]> {
  const stored = new Map((await store.realms.list()).map((realm) => [realm.id, realm]))
  const sentences: string[][] = setups.map(() => [])
  let done = 0
  await eachTogether(setups, async (setup, index) => {
    sentences[index] = await applyRealm(store, setup, stored.get(setup.realm.id), act)
    progress?.('realms are compared with the database', ++done, setups.length)
  })
  return sentences.flat()
}

type Configured = Parameters<typeof applyConfiguration>[0]

async function applyRealm(store: Configured, setup: RealmSetup, stored: Realm | undefined, act: Act): Promise<string[]> {
  const { realm, clients, users, apiKeys } = setup
  if (!isDeepStrictEqual(stored, realm)) await store.realms.put(realm, act)
  const [ofClients] = await Promise.all([applyClients(store, realm.id, clients, act), applyUsers(store, realm.id, users, act)])
  // Behind the clients that they belong to.
  return [...ofClients, ...(await applyApiKeys(store, setup, apiKeys, act))]
}

async function applyClients(store: Configured, realmId: string, configured: readonly Client[], act: Act): Promise<string[]> {
  const missing = new Map(configured.map((one) => [one.clientId, one]))
  const sentences: string[] = []
  for await (const page of pages((after) => store.clients.list(realmId, after, PAGE), clientIdOf)) {
    const changes = page.flatMap((stored) => {
      const client = missing.get(stored.clientId)
      if (!client) return stored.origin === 'command' ? [] : [store.clients.remove(realmId, stored.clientId, act)]
      missing.delete(stored.clientId)
      return [applyClient(store, client, stored, act).then((found) => void sentences.push(...found))]
    })
    await Promise.all(changes)
  }
  for (const some of portions([...missing.values()])) await Promise.all(some.map((client) => applyClient(store, client, undefined, act)))
  return sentences
}

const clientIdOf = ({ clientId }: Client): string => clientId

async function applyClient(store: Configured, configured: Client, stored: Client | undefined, act: Act): Promise<string[]> {
  const secrets = configured.secrets.map((secret) => asStored(secret, stored?.secrets ?? [], act.at))
  const client = {
    ...configured,
    secrets: [...secrets, ...surviving(configured.secrets, stored?.secrets ?? [])],
    ...(stored?.generation !== undefined && { generation: stored.generation }),
  }
  if (!isDeepStrictEqual(stored, client)) await store.clients.put(client, act)
  return secrets.flatMap((secret) => endedSentence('secret', secret, secret.expiresAt, client, act.at))
}

async function applyUsers(store: Configured, realmId: string, configured: readonly User[], act: Act): Promise<void> {
  const usernames = new Set(configured.map((one) => one.username))
  const known = new Map<string, User>()
  for await (const page of pages(
    (after) => store.users.list(realmId, after, PAGE),
    (user) => user.username,
  )) {
    for (const user of page) if (usernames.has(user.username)) known.set(user.id, user)
    const over = page.filter((user) => !usernames.has(user.username))
    await Promise.all(over.map((user) => store.users.remove(realmId, user.id, act)))
  }
  const changed = configured.filter((user) => !isDeepStrictEqual(known.get(user.id), user))
  for (const some of portions(changed)) await Promise.all(some.map((user) => store.users.put(user, act)))
}

/** Keys of configured clients that are configured no more go; those of clients that a command made are left alone, and those that a command made. */
async function applyApiKeys(store: Configured, setup: RealmSetup, configured: readonly ApiKey[], act: Act): Promise<string[]> {
  const realmId = setup.realm.id
  const hashes = new Set(configured.map((key) => key.hash))
  const clientIds = new Set(setup.clients.map(clientIdOf))
  const known = new Map<string, ApiKey>()
  for await (const page of pages(
    (after) => store.apiKeys.listOfRealm(realmId, after, PAGE),
    (key) => key.id,
  )) {
    for (const key of page) if (hashes.has(key.hash)) known.set(key.hash, key)
    const over = page.filter((key) => !hashes.has(key.hash) && key.origin !== 'command' && clientIds.has(key.clientId))
    await Promise.all(over.map((key) => dropApiKey(store, key, act)))
  }
  const sentences: string[] = []
  for (const some of portions(configured)) {
    const found = await Promise.all(some.map((key) => applyApiKey(store, key, known.get(key.hash), act)))
    sentences.push(...found.flat())
  }
  return sentences
}

/** What a command ended is a command's from now on, as with secrets: until it is forgotten no older configuration brings it back. */
async function dropApiKey({ apiKeys }: Configured, key: ApiKey, act: Act): Promise<void> {
  if (key.endedAt === null) await apiKeys.remove(key.realmId, key.id, act)
  else await apiKeys.put({ ...key, origin: 'command' }, act)
}

async function applyApiKey({ apiKeys }: Configured, configured: ApiKey, stored: ApiKey | undefined, act: Act): Promise<string[]> {
  const key = asStoredKey(configured, stored, act.at)
  // It is called otherwise now. Two keys of one hash there may not be.
  if (stored !== undefined && stored.id !== key.id) await apiKeys.remove(stored.realmId, stored.id, act)
  if (!isDeepStrictEqual(stored, key)) await apiKeys.put(key, act)
  return endedSentence('API key', key, key.endedAt, key, act.at)
}

/** @param list one page of the realm's nouns after a name, by name. */
async function* pages<Noun>(list: (after: string) => Promise<Noun[]>, nameOf: (noun: Noun) => string): AsyncGenerator<Noun[]> {
  let after = ''
  let page: Noun[]
  do {
    page = await list(after)
    if (page.length > 0) yield page
    after = page.map(nameOf).at(-1) ?? ''
  } while (page.length === PAGE)
}

function* portions<Noun>(nouns: readonly Noun[]): Generator<readonly Noun[]> {
  for (let start = 0; start < nouns.length; start += CHANGES) yield nouns.slice(start, start + CHANGES)
}

/** A configured key with what the store knows of it. Where the operator gave it no name it keeps the one it had, which stands in the key itself. */
function asStoredKey(configured: ApiKey, stored: ApiKey | undefined, now: number): ApiKey {
  if (stored === undefined) return { ...configured, createdAt: now }
  const unnamed = configured.id === idOf('key', configured.hash)
  const id = unnamed ? stored.id : configured.id
  const ends = stored.origin === 'command' ? [stored.endedAt, stored.expiresAt] : [stored.endedAt]
  const endedAt = earliest(ends.filter((end) => end !== null))
  return {
    ...configured,
    id,
    displayName: unnamed && configured.displayName === configured.id ? stored.displayName : configured.displayName,
    // A database of the first release has 0, which was no time.
    createdAt: stored.createdAt === 0 ? now : stored.createdAt,
    endedAt,
    expiresAt: earliest([endedAt, configured.expiresAt].filter((end) => end !== null)),
  }
}

/**
 * A configured secret with what the store knows of it: since when it is there, and whether a command ended it. The store may have it under
 * another id, given by a command that made it before its hash was configured: the tokens it minted are found by that one.
 */
function asStored(configured: ClientSecret, stored: readonly ClientSecret[], now: number): ClientSecret {
  const same = stored.filter((one) => one.hash === configured.hash)
  const first = same[0]
  if (!first) return { ...configured, createdAt: now }
  // A seal holds for one id. Where the store has none and one is needed, the id it was sealed for is taken.
  const moved = first.id !== configured.id && (configured.sealed === null || first.sealed !== null)
  return {
    ...configured,
    id: moved ? first.id : configured.id,
    sealed: moved && configured.sealed !== null ? first.sealed : configured.sealed,
    // A database of the first release has 0, which was no time.
    createdAt: earliest(same.map((one) => one.createdAt).filter((at) => at > 0)) ?? now,
    expiresAt: earliest(same.flatMap((one) => (one.expiresAt === null ? [] : [one.expiresAt]))),
  }
}

/**
 * Secrets that are not configured and stay: those a command made, and those of the configuration that a command gave an end. The latter are
 * a command's from now on, and so are forgotten in time: until then no older configuration brings them back.
 */
function surviving(configured: readonly ClientSecret[], stored: readonly ClientSecret[]): ClientSecret[] {
  const hashes = new Set(configured.map((one) => one.hash))
  return stored
    .filter(({ hash, origin, expiresAt }) => !hashes.has(hash) && (origin === 'command' || expiresAt !== null))
    .map((secret) => ({ ...secret, origin: 'command' }))
}

function earliest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.min(...times)
}

function endedSentence(
  kind: 'secret' | 'API key',
  { id }: { readonly id: string },
  end: number | null,
  { clientId, realmId }: Pick<Client, 'clientId' | 'realmId'>,
  now: number,
): string[] {
  if (end === null) return []
  const ended = end <= now ? 'was ended by a command' : `ends at ${new Date(end * 1000).toISOString()} by a command`
  return [`Client ${clientId} of realm ${realmId}: its configured ${kind} ${id} ${ended}: take it out of the configuration.`]
}
