// countersign client: the clients of a realm, looked at, made and switched off. What the configuration says of a client stays its own.
import { shortGrantName } from '../config/grant_name.ts'
import { endTokens } from '../issue/client_tokens.ts'
import type { Client } from '../model/client.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../model/realm.ts'
import { isLive } from '../model/secret_verdict.ts'
import type { Store } from '../model/store.ts'
import type { AtRest } from './at_rest.ts'
import { AT_REST_OPTIONS, atRestUsage, withAtRest } from './at_rest.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { required } from './duration.ts'
import { clientsOf, findClient, findRealm } from './find.ts'
import { isoTime, jsonText, printable, table } from './listing.ts'
import { newClient } from './new_client.ts'
import type { Subcommand } from './subcommand.ts'
import { runSubcommand } from './subcommand.ts'

export const command: Command = {
  summary: 'make clients, and switch them off and on',
  usage: `Usage: countersign client list    [--realm R] [--json]
       countersign client show    --client C [--realm R] [--json]
       countersign client create  --client C [--realm R] [--name N] [--grants a,b] [--scopes a,b] [--audiences a,b]
       countersign client enable  --client C [--realm R]
       countersign client disable --client C [--realm R]
       countersign client remove  --client C [--realm R]

  list      every client: who made it, what it may use, how many live secrets it has
  show      all that is known of one, but no secret and no hash
  create    a client with a first secret, which is printed once, alone on standard output; it outlasts restarts
  disable   no new tokens for it, and every access token it has is refused within a second
  enable    gives it tokens again; those of before stay dead
  remove    takes a client that a command made away, with every token it has

  --client C      the client's id
  --realm R       may be left out where there is one realm only
  --name N        for people; default: its id
  --grants a,b    default: client_credentials
  --scopes a,b    of the realm's; default: none
  --audiences a,b of the realm's; default: all of them
  --json          as JSON
${atRestUsage(16)}

Examples:
  countersign client create --client booth --scopes read > booth.secret
  countersign client disable --client booth --realm depot`,
  run: (args, io) => runSubcommand('client', SUBCOMMANDS, args, io),
}

/** `--id` is what `--client` was called here before it was called the same everywhere. */
const OPTIONS = { ...AT_REST_OPTIONS, realm: { type: 'string' }, client: { type: 'string' }, id: { type: 'string' } } as const

const list: Subcommand = async (args, io) => {
  const {
    realm,
    json = false,
    ...place
  } = readOptions('client', args, {
    ...AT_REST_OPTIONS,
    realm: { type: 'string' },
    json: { type: 'boolean' },
  })
  return await withAtRest(place, io, async ({ store, act }) => {
    const realms = realm === undefined ? await store.realms.list() : [await findRealm(store, realm)]
    const clients: Client[] = []
    for (const { id } of realms) for await (const client of clientsOf(store, id)) clients.push(client)
    const rows = clients.map((client) => listed(client, act.at))
    io.out(json ? `${jsonText(rows, 2)}\n` : table(HEAD, rows.map(cells)))
    return 0
  })
}

const show: Subcommand = async (args, io) => {
  const { realm, client: name, id, json = false, ...place } = readOptions('client', args, { ...OPTIONS, json: { type: 'boolean' } })
  return await withClient({ realm, clientId: clientNamed(name, id), place }, io, async ({ store }, client) => {
    const shown = await describe(store, client)
    io.out(json ? `${jsonText(shown, 2)}\n` : shownLines(shown))
  })
}

const create: Subcommand = async (args, io) => {
  const words = { name: { type: 'string' }, grants: { type: 'string' }, scopes: { type: 'string' }, audiences: { type: 'string' } } as const
  const { realm, client, id, name, grants, scopes, audiences, ...place } = readOptions('client', args, { ...OPTIONS, ...words })
  const clientId = clientNamed(client, id)
  return await withAtRest(place, io, async (atRest) => {
    const { store, act } = atRest
    const found = await findRealm(store, realm)
    const made = await newClient(atRest, found, {
      clientId,
      name,
      grants: splitList(grants),
      scopes: splitList(scopes),
      audiences: splitList(audiences),
    })
    await store.clients.put(made.client, act)
    for (const warning of made.warnings) io.err(`warning: ${warning}\n`)
    io.err(
      `The client ${clientId} of realm ${found.id} is made. Its secret is printed this once, on standard output; only its hash is kept.\n`,
    )
    io.out(`${made.text}\n`)
    return 0
  })
}

const enable: Subcommand = (args, io) => setEnabled(args, io, true)
const disable: Subcommand = (args, io) => setEnabled(args, io, false)

async function setEnabled(args: readonly string[], io: Io, enabled: boolean): Promise<number> {
  const { realm, client: name, id, ...place } = readOptions('client', args, OPTIONS)
  return await withClient({ realm, clientId: clientNamed(name, id), place }, io, async ({ store, act }, client) => {
    const word = enabled ? 'enabled' : 'disabled'
    if (client.enabled === enabled) return io.out(`The ${nameOf(client)} is ${word} already: nothing is changed.\n`)
    await store.clients.put({ ...client, enabled }, act)
    if (!enabled) await endTokens(store, client, act)
    io.out(
      enabled
        ? `The ${nameOf(client)} is enabled: it gets tokens again.\n`
        : `The ${nameOf(client)} is disabled: it gets no new tokens, and every access token it has is refused within a second.\n`,
    )
    if (!enabled && client.origin === 'configuration')
      io.out('The configuration names it, and enables it again at the next start: take it out there too.\n')
  })
}

const remove: Subcommand = async (args, io) => {
  const { realm, client: name, id, ...place } = readOptions('client', args, OPTIONS)
  return await withClient({ realm, clientId: clientNamed(name, id), place }, io, async ({ store, act }, client) => {
    const { realmId, clientId, origin, secrets } = client
    if (origin === 'configuration') {
      throw new UsageError(
        `The client ${clientId} is the configuration's: take it out there and start the server anew, or use \`countersign client disable\` until then.`,
      )
    }
    // First what its secrets minted: a client that is gone has no secret left to cut.
    for (const secret of secrets) await store.secrets.cut(realmId, clientId, secret.id, act.at + MAX_ACCESS_TOKEN_LIFETIME, act)
    await store.clients.remove(realmId, clientId, act)
    io.out(`The ${nameOf(client)} is gone, with its secrets and API keys; every token it has is revoked.\n`)
  })
}

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['list', list],
  ['show', show],
  ['create', create],
  ['enable', enable],
  ['disable', disable],
  ['remove', remove],
])

interface Choice {
  readonly realm: string | undefined
  readonly clientId: string
  readonly place: Parameters<typeof withAtRest>[0]
}

async function withClient(
  { realm, clientId, place }: Choice,
  io: Io,
  use: (atRest: AtRest, client: Client) => Promise<void>,
): Promise<number> {
  return await withAtRest(place, io, async (atRest) => {
    await use(atRest, await findClient(atRest.store, (await findRealm(atRest.store, realm)).id, clientId))
    return 0
  })
}

function clientNamed(client: string | undefined, id: string | undefined): string {
  if (client !== undefined && id !== undefined && client !== id) throw new UsageError('--client and --id name two clients: leave --id out.')
  return required(client ?? id, '--client', 'the client')
}

const HEAD = ['REALM', 'CLIENT', 'NAME', 'MADE BY', 'STATE', 'GRANTS', 'LIVE SECRETS']

function listed({ realmId, clientId, displayName, origin, enabled, grants, secrets }: Client, now: number) {
  const live = secrets.filter((secret) => isLive(secret, now)).length
  return { realm: realmId, client: clientId, name: displayName, origin, enabled, grants: grants.map(shortGrantName), live_secrets: live }
}

function cells({ realm, client, name, origin, enabled, grants, live_secrets }: ReturnType<typeof listed>): string[] {
  return [realm, client, name, origin, enabled ? 'enabled' : 'disabled', grants.join(' '), `${live_secrets}`]
}

/** Everything but what opens, in the configuration's words. */
async function describe(store: Store, { realmId, clientId, secrets, keys, generation: _generation, ...rest }: Client) {
  const dated = ({ createdAt, expiresAt }: { readonly createdAt: number; readonly expiresAt: number | null }) => ({
    createdAt: createdAt === 0 ? null : isoTime(createdAt),
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
  })
  return {
    realm: realmId,
    clientId,
    ...rest,
    secrets: secrets.map((secret) => ({ id: secret.id, origin: secret.origin, ...dated(secret) })),
    apiKeys: (await store.apiKeys.list(realmId, clientId)).map((key) => ({ id: key.id, ...dated(key) })),
    ...(keys.kind === 'inline' && { jwks: { keys: keys.keys } }),
    ...(keys.kind === 'remote' && { jwksUri: keys.url }),
  }
}

function shownLines(shown: Readonly<Record<string, unknown>>): string {
  const width = Math.max(...Object.keys(shown).map((name) => name.length)) + 2
  return Object.entries(shown)
    .map(([name, value]) => `${`${name}:`.padEnd(width)}${typeof value === 'string' ? printable(value) : jsonText(value)}\n`)
    .join('')
}

/** `a,b` as its parts; undefined if the option is not there. */
function splitList(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

function nameOf({ realmId, clientId }: Client): string {
  return `client ${clientId} of realm ${realmId}`
}
