// Realms, clients, secrets and API keys by the names given on a command line. A name that is not there is told together with those that are.
import type { ApiKey } from '../model/api_key.ts'
import type { Client, ClientSecret } from '../model/client.ts'
import type { Realm } from '../model/realm.ts'
import type { Store } from '../model/store.ts'
import { UsageError } from './command.ts'
import { printable } from './listing.ts'

export interface FoundSecret {
  readonly client: Client
  readonly secret: ClientSecret
}

export interface FoundApiKey {
  readonly client: Client
  readonly key: ApiKey
}

/** The realm of that name; without a name the only one there is. @throws UsageError */
export async function findRealm(store: Store, id: string | undefined): Promise<Realm> {
  const realms = await store.realms.list()
  const only = realms.length === 1 ? realms[0] : undefined
  const found = id === undefined ? only : realms.find((realm) => realm.id === id)
  if (found) return found
  const names = named(
    'realms',
    realms.map((realm) => realm.id),
    realms.length,
  )
  throw new UsageError(id === undefined ? `--realm is missing: ${names}.` : `There is no realm '${printable(id)}': ${names}.`)
}

/** @throws UsageError */
export async function findClient(store: Store, realmId: string, clientId: string): Promise<Client> {
  const found = await store.clients.find(realmId, clientId)
  if (found) return found
  const some = await store.clients.list(realmId, '', MOST_NAMES + 1)
  const names = named(
    `clients of realm ${realmId}`,
    some.map((client) => client.clientId),
    some.length,
  )
  throw new UsageError(`There is no client '${printable(clientId)}': ${names}.`)
}

/** All clients of a realm, by client id. */
export async function* clientsOf(store: Store, realmId: string): AsyncGenerator<Client> {
  let after = ''
  let page: readonly Client[]
  do {
    page = await store.clients.list(realmId, after, PAGE)
    yield* page
    after = page.at(-1)?.clientId ?? ''
  } while (page.length === PAGE)
}

/** The secret of that id, in the realm and of the client if they are named. @throws UsageError */
export async function findSecret(store: Store, id: string, realmId?: string, clientId?: string): Promise<FoundSecret> {
  const secretsOf = ({ secrets }: Client): readonly ClientSecret[] => secrets
  const { client, one } = await findCredential('secret', secretsOf, candidates(store, realmId, clientId), id)
  return { client, secret: one }
}

/** The API key of that id, in the realm and of the client if they are named. @throws UsageError */
export async function findApiKey(store: Store, id: string, realmId?: string, clientId?: string): Promise<FoundApiKey> {
  const keysOf = (owner: Client): Promise<readonly ApiKey[]> => store.apiKeys.list(owner.realmId, owner.clientId)
  const { client, one } = await findCredential('API key', keysOf, candidates(store, realmId, clientId), id)
  return { client, key: one }
}

const MOST_NAMES = 10
const PAGE = 500

async function* candidates(store: Store, realmId: string | undefined, clientId: string | undefined): AsyncGenerator<Client> {
  const realms = realmId === undefined && clientId === undefined ? await store.realms.list() : [await findRealm(store, realmId)]
  for (const realm of realms) {
    if (clientId === undefined) yield* clientsOf(store, realm.id)
    else yield await findClient(store, realm.id, clientId)
  }
}

async function findCredential<One extends { readonly id: string }>(
  what: string,
  listOf: (client: Client) => readonly One[] | Promise<readonly One[]>,
  clients: AsyncIterable<Client>,
  id: string,
): Promise<{ readonly client: Client; readonly one: One }> {
  const found: { readonly client: Client; readonly one: One }[] = []
  const names: string[] = []
  let count = 0
  for await (const client of clients) {
    for (const one of await listOf(client)) {
      count++
      if (names.length < MOST_NAMES) names.push(`${one.id} of client ${client.clientId}`)
      if (one.id === id) found.push({ client, one })
    }
  }
  const [first] = found
  if (!first) throw new UsageError(`There is no ${what} '${printable(id)}': ${named(`${what}s`, names, count)}.`)
  if (found.length === 1) return first
  const owners = found.slice(0, MOST_NAMES).map(({ client }) => `${client.clientId} of realm ${client.realmId}`)
  throw new UsageError(`Several clients have the ${what} '${id}' (${owners.join(', ')}): say whose with --realm and --client.`)
}

/** `the realms are a, b and others`, as the end of a sentence. */
function named(what: string, names: readonly string[], count: number): string {
  if (count === 0) return `there are no ${what} yet`
  const shown = names.slice(0, MOST_NAMES).join(', ')
  return `the ${what} are ${shown}${count > MOST_NAMES ? ' and others' : ''}`
}
