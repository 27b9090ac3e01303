// Brings the store to what the configuration says: puts what is new or changed, removes what it no longer has. What a command made or ended
// stays as it is. A realm that is no longer configured is not served, but its keys and tokens stay: an omission must not destroy them.
// docs/decisions/0007.
import { isDeepStrictEqual } from 'node:util'
import { idOf } from '../config/client_auth.ts'
import { endTokens } from '../issue/client_tokens.ts'
import type { ApiKey } from '../model/api_key.ts'
import type { Act } from '../model/audit.ts'
import type { Client, ClientSecret } from '../model/client.ts'
import type { RealmSetup } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'

const PAGE = 500

/**
 * One transaction a noun, none for what is there already, so that a start without a change writes nothing.
 * @returns a sentence for the operator for each configured secret and API key that a command gave an end
 */
export async function applyConfiguration(
  store: Pick<Store, 'realms' | 'clients' | 'users' | 'apiKeys' | 'accessTokens'>,
  setups: readonly RealmSetup[],
  act: Act,
): Promise<string[]> {
  const sentences = await Promise.all(setups.map((setup) => applyRealm(store, setup, act)))
  return sentences.flat()
}

type Configured = Parameters<typeof applyConfiguration>[0]

async function applyRealm(store: Configured, { realm, clients, users, apiKeys }: RealmSetup, act: Act): Promise<string[]> {
  const { id } = realm
  if (!isDeepStrictEqual(await store.realms.find(id), realm)) await store.realms.put(realm, act)
  const clientIds = new Set(clients.map((one) => one.clientId))
  const usernames = new Set(users.map((one) => one.username))
  await Promise.all([
    removeOthers(
      (after) => store.clients.list(id, after, PAGE),
      (client) => client.clientId,
      (client) => client.origin === 'command' || clientIds.has(client.clientId),
      async (client) => {
        // First, so that a start cut off in between does both at the next one.
        await endTokens(store, client, act)
        await store.clients.remove(id, client.clientId, act)
      },
    ),
    removeOthers(
      (after) => store.users.list(id, after, PAGE),
      (user) => user.username,
      (user) => usernames.has(user.username),
      (user) => store.users.remove(id, user.id, act),
    ),
  ])
  const sentences = await Promise.all(clients.map((client) => applyClient(store, client, apiKeys, act)))
  await Promise.all(
    users.map(async (user) => {
      if (!isDeepStrictEqual(await store.users.find(id, user.id), user)) await store.users.put(user, act)
    }),
  )
  const ofKeys = await Promise.all(apiKeys.map((key) => applyApiKey(store, key, act)))
  return [...sentences, ...ofKeys].flat()
}

/** @param list one page of the realm's nouns after a name, by name. */
async function removeOthers<Noun>(
  list: (after: string) => Promise<Noun[]>,
  nameOf: (noun: Noun) => string,
  stays: (noun: Noun) => boolean,
  remove: (noun: Noun) => Promise<void>,
): Promise<void> {
  let after = ''
  let page: Noun[]
  do {
    page = await list(after)
    await Promise.all(page.filter((noun) => !stays(noun)).map(remove))
    after = page.map(nameOf).at(-1) ?? ''
  } while (page.length === PAGE)
}

/** Its API keys that are configured no more go too; those of clients that a command made are left alone, and those that a command made. */
async function applyClient(store: Configured, configured: Client, apiKeys: readonly ApiKey[], act: Act): Promise<string[]> {
  const { realmId, clientId } = configured
  const stored = await store.clients.find(realmId, clientId)
  const secrets = configured.secrets.map((secret) => asStored(secret, stored?.secrets ?? [], act.at))
  const client = { ...configured, secrets: [...secrets, ...surviving(configured.secrets, stored?.secrets ?? [])] }
  if (!isDeepStrictEqual(stored, client)) await store.clients.put(client, act)
  const hashes = new Set(apiKeys.map((key) => key.hash))
  for (const key of await store.apiKeys.list(realmId, clientId)) {
    if (hashes.has(key.hash) || key.origin === 'command') continue
    // What a command ended is a command's from now on, as with secrets: until it is forgotten no older configuration brings it back.
    if (key.endedAt === null) await store.apiKeys.remove(realmId, key.id, act)
    else await store.apiKeys.put({ ...key, origin: 'command' }, act)
  }
  return secrets.flatMap((secret) => endedSentence('secret', secret, secret.expiresAt, client, act.at))
}

async function applyApiKey({ apiKeys }: Configured, configured: ApiKey, act: Act): Promise<string[]> {
  const stored = await apiKeys.findByHash(configured.realmId, configured.hash)
  const key = asStoredKey(configured, stored, act.at)
  // It is called otherwise now. Two keys of one hash there may not be.
  if (stored !== undefined && stored.id !== key.id) await apiKeys.remove(stored.realmId, stored.id, act)
  if (!isDeepStrictEqual(stored, key)) await apiKeys.put(key, act)
  return endedSentence('API key', key, key.endedAt, key, act.at)
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
