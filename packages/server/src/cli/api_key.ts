// countersign api-key: makes, rotates, ends and imports the API keys of clients, and says which of them nobody uses any more.
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import { isLive } from '../model/secret_verdict.ts'
import { importKeys } from './api_key_import.ts'
import { keysAsJson, keysAsTable } from './api_key_listing.ts'
import { AT_REST_OPTIONS, atRestUsage, withAtRest } from './at_rest.ts'
import type { Command } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { duration, required } from './duration.ts'
import { findApiKey, findClient, findRealm } from './find.ts'
import { isoTime } from './listing.ts'
import type { KeyFacts } from './new_api_key.ts'
import { KEY_OPTIONS, keyFacts, newApiKey } from './new_api_key.ts'
import type { Subcommand } from './subcommand.ts'
import { runSubcommand } from './subcommand.ts'

export const command: Command = {
  summary: 'make, rotate, end and import the API keys of clients',
  usage: `Usage: countersign api-key list   --client C | --id I [--realm R] [--json]
       countersign api-key create --client C [--realm R] [--name N] [--expires 90d] [--addresses A,...]
       countersign api-key rotate --client C [--realm R] [--id I] [--overlap 7d] [--name N] [--expires 90d] [--addresses A,...]
       countersign api-key drop   --id I [--client C] [--realm R] [--force]
       countersign api-key import --client C [--realm R] --hash H [--id I] [--name N] [--expires 90d] [--addresses A,...]
       countersign api-key import --file FILE [--realm R]

  list     the keys with their last use, and a verdict for each: which are safe to drop
  create   a further key; it is printed once, alone on standard output, so that \`> file\` keeps it
  rotate   the same, and every other live one ends by itself when the overlap is over; with --id that one alone
  drop     ends one now
  import   keys that another product made, by their hashes: the clients go on using them

  --client C          the client's id
  --id I              the key's, as it stands behind cs_key_; with import its id from now on
  --addresses A,...   it may come from these alone: 203.0.113.7,2001:db8::/32; '' for anywhere
  --expires T         it ends then: 90d, or a date like 2027-12-31; without it there is no end
  --force             drop a client's last live key too
  --hash H            SHA-256 of the key: sha256: and base64url, base64 or hex, or hex alone
  --file FILE         one key a line: clientId,hash or clientId,hash,name; what is there already stays as it is
  --name N            for people; with rotate the old one's if it is left out, as with --addresses
  --overlap T         until the others end: 12h, 7d (default), or 0 for now
  --realm R           may be left out where there is one realm only
  --json              as JSON
${atRestUsage(20)}

Examples:
  countersign api-key create --client booth --expires 90d > booth.key
  countersign api-key import --client booth --hash "$(countersign hash < theirs.key)"`,
  run: (args, io) => runSubcommand('api-key', SUBCOMMANDS, args, io),
}

const OPTIONS = { ...AT_REST_OPTIONS, realm: { type: 'string' }, client: { type: 'string' }, id: { type: 'string' } } as const

/** Behind it stands `with it`. */
const CLIENT_OR_KEY = 'a key with --id, or the client'

const list: Subcommand = async (args, io) => {
  const { realm, client: of, id, json = false, ...place } = readOptions('api-key', args, { ...OPTIONS, json: { type: 'boolean' } })
  if (id === undefined) required(of, '--client', CLIENT_OR_KEY)
  return await withAtRest(place, io, async ({ store, act }) => {
    const found = id === undefined ? undefined : await findApiKey(store, id, realm, of)
    const client = found?.client ?? (await findClient(store, (await findRealm(store, realm)).id, of ?? ''))
    const { realmId, clientId } = client
    const [keys, uses] = await Promise.all([store.apiKeys.list(realmId, clientId), store.apiKeys.uses(realmId, clientId)])
    const shown = found ? [found.key] : keys
    if (json) io.out(keysAsJson(shown, keys, uses, act.at))
    else io.out(shown.length === 0 ? `There are no API keys of ${nameOf(client)}.\n` : keysAsTable(shown, keys, uses, act.at))
    return 0
  })
}

const create: Subcommand = async (args, io) => {
  const { id: _, ...options } = { ...OPTIONS, ...KEY_OPTIONS }
  const { realm, client: of, name, expires, addresses, ...place } = readOptions('api-key', args, options)
  const clientId = required(of, '--client', 'the client')
  return await withAtRest(place, io, async ({ store, act }) => {
    const client = await findClient(store, (await findRealm(store, realm)).id, clientId)
    const made = newApiKey(client, keyFacts({ name, expires, addresses }, act.at), act.at)
    await store.apiKeys.put(made.key, act)
    io.err(`${madeSentence(made.key)}\n`)
    io.out(`${made.text}\n`)
    return 0
  })
}

const rotate: Subcommand = async (args, io) => {
  const options = { ...OPTIONS, ...KEY_OPTIONS, overlap: { type: 'string' } } as const
  const { realm, client: of, id, name, expires, addresses, overlap = '7d', ...place } = readOptions('api-key', args, options)
  if (id === undefined) required(of, '--client', CLIENT_OR_KEY)
  const seconds = overlap === '0' ? 0 : duration('--overlap', overlap, '0')
  return await withAtRest(place, io, async ({ store, act }) => {
    const only = id === undefined ? undefined : await findApiKey(store, id, realm, of)
    const client = only?.client ?? (await findClient(store, (await findRealm(store, realm)).id, of ?? ''))
    const { realmId, clientId } = client
    const old = (only ? [only.key] : await store.apiKeys.list(realmId, clientId)).filter((key) => isLive(key, act.at))
    if (only && old.length === 0)
      throw new UsageError(`The API key ${only.key.id} has ended already: make another with ${line('create', client)}.`)
    const made = newApiKey(client, inherited(keyFacts({ name, expires, addresses }, act.at), old), act.at)
    const endAt = act.at + seconds
    if (made.key.expiresAt !== null && made.key.expiresAt <= endAt)
      throw new UsageError('The new API key would end before the old ones: give it a longer --expires, or them a shorter --overlap.')
    if (only) {
      // The new one first: should the second write fail, both are live.
      await store.apiKeys.put(made.key, act)
      await store.apiKeys.end(realmId, only.key.id, endAt, act)
    } else if (!(await store.apiKeys.rotate(realmId, made.key, endAt, act)))
      throw new UsageError(`There is no ${nameOf(client)} any more: somebody else has just removed it.`)
    const after = await store.apiKeys.list(realmId, clientId)
    io.err(`${madeSentence(made.key)}\n${rotated(old, after, made.key, act.at)}`)
    io.out(`${made.text}\n`)
    return 0
  })
}

const drop: Subcommand = async (args, io) => {
  const { realm, client: of, id, force = false, ...place } = readOptions('api-key', args, { ...OPTIONS, force: { type: 'boolean' } })
  const name = required(id, '--id', 'the API key, as it stands behind cs_key_ or `countersign api-key list` shows it,')
  return await withAtRest(place, io, async ({ store, act }) => {
    const { client, key } = await findApiKey(store, name, realm, of)
    if (!isLive(key, act.at)) throw new UsageError(`The API key ${key.id} has ended already: there is nothing to drop.`)
    const others = (await store.apiKeys.list(key.realmId, key.clientId)).filter((one) => one.id !== key.id && isLive(one, act.at))
    if (!force && others.length === 0) {
      throw new UsageError(
        `The API key ${key.id} is the last live one of client ${client.clientId}: make another with \`countersign api-key create\` first, or end it all the same with --force.`,
      )
    }
    await store.apiKeys.end(key.realmId, key.id, act.at, act)
    io.out(`The API key ${key.id} of ${nameOf(client)} has ended: guards refuse it within a second.\n`)
    if (key.origin === 'configuration') io.out('The configuration names it: take it out there too. It stays ended until then.\n')
    return 0
  })
}

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['list', list],
  ['create', create],
  ['rotate', rotate],
  ['drop', drop],
  ['import', importKeys],
])

/** What was not said is as with those that it takes the place of: an allow-list must not be lost by changing a key. */
function inherited(facts: KeyFacts, old: readonly ApiKey[]): KeyFacts {
  const alike = <Value>(of: (key: ApiKey) => Value): Value | undefined => {
    const [first, ...rest] = old.map(of)
    return rest.every((one) => JSON.stringify(one) === JSON.stringify(first)) ? first : undefined
  }
  const named = alike((key) => (key.displayName === key.id ? undefined : key.displayName))
  const addresses = facts.addresses ?? alike((key) => key.addresses)
  if (addresses === undefined && old.length > 0)
    throw new UsageError(
      'The live API keys may come from different addresses: rotate one with --id, or say with --addresses for the new one.',
    )
  return { ...facts, displayName: facts.displayName ?? named, addresses }
}

function madeSentence({ id, expiresAt, addresses, realmId, clientId }: ApiKey): string {
  const until = expiresAt === null ? '' : ` until ${isoTime(expiresAt)}`
  const from = addresses.length === 0 ? '' : `, from ${addresses.join(', ')} alone`
  return `The API key ${id} of ${nameOf({ realmId, clientId })} is live${until}${from}. It is printed this once, on standard output; only its hash is kept.`
}

/** What becomes of the old ones, as stored. */
function rotated(old: readonly ApiKey[], after: readonly ApiKey[], made: ApiKey, now: number): string {
  const ending = after.filter(({ id }) => old.some((one) => one.id === id))
  const ends = ending.map(({ id, expiresAt }) => `The old API key ${id} ${endSentence(expiresAt, now)}.\n`).join('')
  const overlaps = ending.some((key) => isLive(key, now))
  const see = `Hand over the new one until then; ${line('list', made)} says when nobody uses the old one any more.\n`
  const named = ending.filter(({ origin }) => origin === 'configuration').map(({ id }) => id)
  const mend = `The configuration names ${named.join(', ')}: put { hash: '${made.hash}' } in its place once it has ended.\n`
  return `${ends}${overlaps ? see : ''}${named.length > 0 ? mend : ''}`
}

function endSentence(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'has no end'
  return expiresAt > now ? `ends by itself at ${isoTime(expiresAt)}` : 'has ended'
}

function nameOf({ realmId, clientId }: Pick<Client, 'realmId' | 'clientId'>): string {
  return `client ${clientId} in realm ${realmId}`
}

function line(word: string, { realmId, clientId }: Pick<Client, 'realmId' | 'clientId'>): string {
  return `\`countersign api-key ${word} --realm ${realmId} --client ${clientId}\``
}
