// countersign key: the signing keys of a realm, looked at and changed by hand. What changes by itself is issue/keys/rotation.ts's.
import { randomBytes } from 'node:crypto'
import { checkSeals } from '../issue/keys/key_ring.ts'
import { makeSigningKey } from '../issue/keys/make_key.ts'
import { MOST_KEYS } from '../issue/keys/rotation.ts'
import { SealError } from '../issue/keys/seal.ts'
import { isRetired, newestOf, removableAt, signingKeyAt, stateAt } from '../issue/keys/timeline.ts'
import type { Realm } from '../model/realm.ts'
import type { SigningKey } from '../model/signing_key.ts'
import type { AtRest } from './at_rest.ts'
import { AT_REST_OPTIONS, atRestUsage, withAtRest } from './at_rest.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { findRealm } from './find.ts'
import { isoTime, table } from './listing.ts'
import { runSubcommand } from './subcommand.ts'

export const command: Command = {
  summary: 'signing keys: list, rotate, retire, remove',
  usage: `Usage: countersign key list [--realm R] [--json]
       countersign key rotate [--realm R] [--now]
       countersign key retire --kid K [--realm R]
       countersign key remove --kid K [--realm R]

  list     the keys in the JWK Set: the one that signs, those published before they sign, those that only verify any more
  rotate   publish a successor, which signs as soon as every verifier has had the time to fetch it
  retire   the key never signs any more; the tokens it signed verify until they expire
  remove   take a key out of the JWK Set at once: the tokens it signed verify no longer

  --realm R       may be left out where there is one realm only
  --now           for a key that somebody else may know: the new one signs at once, every other is retired at once
  --kid K         the key's id, as \`countersign key list\` shows it
  --json          as JSON
${atRestUsage(16)}

Examples:
  countersign key list --realm depot
  countersign key rotate --realm depot --now`,
  run: (args, io) => runSubcommand('key', SUBCOMMANDS, args, io),
}

const SUBCOMMANDS: ReadonlyMap<string, Command['run']> = new Map([
  ['list', list],
  ['rotate', rotate],
  ['retire', retire],
  ['remove', remove],
])

async function list(args: readonly string[], io: Io): Promise<number> {
  const { realm, json, ...where } = readOptions('key', args, {
    ...AT_REST_OPTIONS,
    realm: { type: 'string' },
    json: { type: 'boolean' },
  })
  return await withAtRest(where, io, async (atRest) => {
    const realms = realm === undefined ? await atRest.store.realms.list() : [await findRealm(atRest.store, realm)]
    const rows: Row[] = []
    for (const one of realms) rows.push(...(await rowsOf(atRest, one)))
    io.out(json ? `${JSON.stringify(rows, null, 2)}\n` : table(HEADER, rows.map(cells)))
    return 0
  })
}

interface Row {
  readonly realm: string
  readonly kid: string
  readonly alg: string
  readonly state: string
  readonly published_at: string
  readonly signs_from: string
  readonly retired_at: string | null
  readonly removable_at: string | null
}

const HEADER = ['REALM', 'KID', 'ALG', 'STATE', 'PUBLISHED', 'SIGNS FROM', 'RETIRED', 'REMOVABLE']

async function rowsOf({ store, act }: AtRest, { id, algorithm }: Realm): Promise<Row[]> {
  const keys = await store.signingKeys.list(id)
  return keys.map((key) => ({
    realm: id,
    kid: key.kid,
    alg: key.algorithm,
    state: stateAt(key, keys, algorithm, act.at),
    published_at: isoTime(key.createdAt),
    signs_from: isoTime(key.activeAt),
    retired_at: timeOf(key.retiredAt),
    removable_at: timeOf(removableAt(key)),
  }))
}

function timeOf(at: number | null): string | null {
  return at === null ? null : isoTime(at)
}

function cells(row: Row): string[] {
  const { realm, kid, alg, state, published_at, signs_from, retired_at, removable_at } = row
  return [realm, kid, alg, state, published_at, signs_from, retired_at ?? '-', removable_at ?? '-']
}

async function rotate(args: readonly string[], io: Io): Promise<number> {
  const { realm, now, ...where } = readOptions('key', args, {
    ...AT_REST_OPTIONS,
    realm: { type: 'string' },
    now: { type: 'boolean' },
  })
  return await withAtRest(where, io, async (atRest) => {
    const found = await findRealm(atRest.store, realm)
    io.out(now ? await replaceAtOnce(atRest, found) : await publishSuccessor(atRest, found))
    return 0
  })
}

async function publishSuccessor(atRest: AtRest, realm: Realm): Promise<string> {
  const { store, act } = atRest
  const keys = await store.signingKeys.list(realm.id)
  const waiting = keys.find((one) => one.algorithm === realm.algorithm && stateAt(one, keys, realm.algorithm, act.at) === 'published')
  if (waiting) {
    throw new UsageError(
      `The key ${waiting.kid} is published already and signs from ${isoTime(waiting.activeAt)} on: wait for it, or have a new one sign at once with --now.`,
    )
  }
  const key = await insert(atRest, realm, keys, (at) => at + realm.keyRotation.publishAhead)
  return key.activeAt <= act.at
    ? `The key ${key.kid} is published and signs from now on.\n`
    : `The key ${key.kid} is published. It signs from ${isoTime(key.activeAt)} on, and until then the one before it does: nothing else is to be done.\n`
}

/** For a key that somebody else may know; one that is published and waits may be known to him as well. */
async function replaceAtOnce(atRest: AtRest, realm: Realm): Promise<string> {
  const { store, act } = atRest
  const keys = await store.signingKeys.list(realm.id)
  const key = await insert(atRest, realm, keys, (at) => at)
  const others = keys.filter((one) => !isRetired(one, act.at))
  // From the moment the new one signs: to a server whose clock is behind, the old one would be retired with nothing to follow it.
  for (const one of others) await store.signingKeys.retire(realm.id, one.kid, Math.max(key.activeAt, act.at), act)
  const first = `The key ${key.kid} signs from now on. A verifier that has the JWK Set in its cache refuses the new tokens until it fetches it again, as most do when they meet a key they do not know.\n`
  if (others.length === 0) return first
  return `${first}Retired, and still good for verifying the tokens out there: ${others.map((one) => one.kid).join(', ')}. Whoever knows such a key can still make tokens: end them, and every token signed by it, with\n${others.map((one) => `  countersign key remove --realm ${realm.id} --kid ${one.kid}\n`).join('')}`
}

async function insert(atRest: AtRest, realm: Realm, keys: readonly SigningKey[], activeAt: (now: number) => number): Promise<SigningKey> {
  const { store, masterKey, act } = atRest
  const { id, algorithm } = realm
  await checkMasterKey(atRest, realm)
  if (keys.length >= MOST_KEYS) {
    throw new UsageError(
      `The realm ${id} has ${keys.length} keys, and a JWK Set of more is refused by verifiers: take a retired one away with \`countersign key remove\`.`,
    )
  }
  const predecessor = newestOf(keys, algorithm)
  const signs = signingKeyAt(keys, algorithm, act.at) !== undefined
  const options = { realmId: id, algorithm, masterKey, random: { bytes: (length: number) => randomBytes(length) }, now: seconds }
  // Without one that signs nobody waits for this key: it need not be published ahead.
  const key = await makeSigningKey(options, signs ? activeAt : (at) => at)
  const inserted =
    signs && predecessor ? await store.signingKeys.insertNext(key, predecessor.kid, act) : await store.signingKeys.insertFirst(key, act)
  if (inserted) return key
  throw new UsageError(
    `Another program has just given the realm ${id} a new key: look at it with \`countersign key list --realm ${id}\`, and try again if you need one more.`,
  )
}

async function retire(args: readonly string[], io: Io): Promise<number> {
  return await withKey(args, io, async ({ store, act }, realm, key) => {
    if (isRetired(key, act.at))
      throw new UsageError(`The key ${key.kid} is retired since ${timeOf(key.retiredAt)}: there is nothing to be done.`)
    await store.signingKeys.retire(realm.id, key.kid, act.at, act)
    return `The key ${key.kid} is retired: it signs no more, and verifies until ${timeOf(removableAt({ ...key, retiredAt: act.at }))}, when it is removed by itself.\n`
  })
}

async function remove(args: readonly string[], io: Io): Promise<number> {
  return await withKey(args, io, async ({ store, act }, realm, key) => {
    await store.signingKeys.remove(realm.id, key.kid, act)
    return `The key ${key.kid} is out of the JWK Set. Tokens it signed verify no longer: within a second at servers on this database, elsewhere as soon as a verifier fetches the JWK Set again.\n`
  })
}

/** What is done to one key; never to the one that signs. */
async function withKey(
  args: readonly string[],
  io: Io,
  change: (atRest: AtRest, realm: Realm, key: SigningKey) => Promise<string>,
): Promise<number> {
  const { realm, kid, ...where } = readOptions('key', withKid(args), {
    ...AT_REST_OPTIONS,
    realm: { type: 'string' },
    kid: { type: 'string' },
  })
  if (kid === undefined) throw new UsageError('It is not said which key: name it with --kid K, as `countersign key list` shows it.')
  return await withAtRest(where, io, async (atRest) => {
    const found = await findRealm(atRest.store, realm)
    const keys = await atRest.store.signingKeys.list(found.id)
    const key = keys.find((one) => one.kid === kid)
    if (!key)
      throw new UsageError(
        `The realm ${found.id} has no key of that name: \`countersign key list --realm ${found.id}\` shows those it has.`,
      )
    if (signingKeyAt(keys, found.algorithm, atRest.act.at)?.kid === kid) {
      throw new UsageError(
        `The key ${kid} is the one that signs: put another in its place first with \`countersign key rotate --now --realm ${found.id}\`.`,
      )
    }
    io.out(await change(atRest, found, key))
    return 0
  })
}

/** A name of 43 random characters may begin with a dash, and would be taken for an option. */
function withKid(args: readonly string[]): string[] {
  const at = args.indexOf('--kid')
  const kid = at < 0 ? undefined : args[at + 1]
  return kid !== undefined && /^-.{40,}$/.test(kid) ? [...args.slice(0, at), `--kid=${kid}`, ...args.slice(at + 2)] : [...args]
}

/** Before a key is made: one that the servers cannot open would stop them from signing. */
async function checkMasterKey({ store, masterKey, configuration }: AtRest, { id }: Realm): Promise<void> {
  try {
    await checkSeals({ store: store.signingKeys, realmId: id, masterKey })
  } catch (error) {
    if (!(error instanceof SealError)) throw error
    if (configuration) throw new UsageError(error.message)
    throw new UsageError('The signing keys are sealed: give the configuration that names their master key with --config FILE.')
  }
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}
