// countersign api-key import: makes keys known that another product made, by their hashes, one or a file of them. The keys themselves
// are never seen: a hash or a line that cannot be read is told by its place, never quoted, since it may be a key.
import { readFile, stat } from 'node:fs/promises'
import { API_KEY_ID } from '../config/api_key.ts'
import { idOf } from '../config/client_auth.ts'
import { noFindings, sentence } from '../config/error.ts'
import { readSecret, whyUnreadable } from '../config/secret.ts'
import type { ApiKey } from '../model/api_key.ts'
import type { Act } from '../model/audit.ts'
import type { Realm } from '../model/realm.ts'
import { isLive } from '../model/secret_verdict.ts'
import type { Store } from '../model/store.ts'
import { AT_REST_OPTIONS, withAtRest } from './at_rest.ts'
import type { Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { required } from './duration.ts'
import { clientsOf, findClient, findRealm } from './find.ts'
import { commandKey, isKeyName, KEY_OPTIONS, keyFacts } from './new_api_key.ts'
import type { Subcommand } from './subcommand.ts'

export const importKeys: Subcommand = async (args, io) => {
  const own = { client: { type: 'string' }, realm: { type: 'string' }, hash: { type: 'string' }, id: { type: 'string' } } as const
  const options = { ...AT_REST_OPTIONS, ...KEY_OPTIONS, ...own, file: { type: 'string' } } as const
  const { file, realm, client, hash, id, name, expires, addresses, ...place } = readOptions('api-key', args, options)
  if (file !== undefined) {
    if ([client, hash, id, name, expires, addresses].some((one) => one !== undefined))
      throw new UsageError('--file goes with --realm alone: each of its lines says whose key it is.')
    return await withAtRest(place, io, async ({ store, act }) => await importFile(store, act, await findRealm(store, realm), file, io))
  }
  const clientId = required(client, '--client', 'a file of keys with --file, or the client')
  const digest = await digestOf(required(hash, '--hash', "the key's hash"), '--hash')
  if (id !== undefined && !API_KEY_ID.test(id)) throw new UsageError('--id must be of letters, digits, - and _, at most 64 characters.')
  return await withAtRest(place, io, async ({ store, act }) => {
    const { realmId } = await findClient(store, (await findRealm(store, realm)).id, clientId)
    if (id !== undefined) await checkIsFree(store, realmId, id, digest)
    const named = { realmId, clientId, id: id ?? idOf('key', digest), hash: digest }
    const outcome = await importOne(store, act, commandKey(named, keyFacts({ name, expires, addresses }, act.at), act.at))
    if (typeof outcome === 'object') throw new UsageError(`The API key ${outcome.problem}.`)
    io.out(`The API key ${outcome === 'made' ? named.id : 'of that hash'} of client ${clientId} in realm ${realmId} ${TOLD[outcome]}.\n`)
    return 0
  })
}

type Outcome = 'made' | 'there' | 'ended'

const TOLD: Readonly<Record<Outcome, string>> = {
  made: 'is live',
  there: 'is there already, and stays as it is',
  ended: 'has ended before, and stays ended',
}

const MOST_BYTES = 64 * 1024 ** 2
const TOGETHER = 500
const MOST_MISTAKES = 10

interface Line {
  readonly number: number
  readonly clientId: string
  readonly hash: string
  readonly name: string | undefined
}

/** Every line is checked before the first is written; a second run finds all of them there. */
async function importFile(store: Store, act: Act, { id: realmId }: Realm, file: string, io: Io): Promise<number> {
  const mistakes: string[] = []
  const lines = await readLines(file, mistakes)
  await checkClients(store, realmId, lines, mistakes)
  refuse(file, mistakes)
  const counts: Record<Outcome, number> = { made: 0, there: 0, ended: 0 }
  for (let at = 0; at < lines.length; at += TOGETHER) {
    const together = lines.slice(at, at + TOGETHER).map(async ({ number, clientId, hash, name }) => {
      const facts = { displayName: name, expiresAt: null, addresses: undefined }
      const outcome = await importOne(store, act, commandKey({ realmId, clientId, id: idOf('key', hash), hash }, facts, act.at))
      if (typeof outcome === 'object') mistakes.push(`line ${number}: the API key ${outcome.problem}`)
      else counts[outcome]++
    })
    await Promise.all(together)
  }
  const ended = counts.ended === 0 ? '' : `, and ${counts.ended} have ended before and stay ended`
  io.out(`API keys imported: ${counts.made}; there already: ${counts.there}${ended}.\n`)
  refuse(file, mistakes)
  return 0
}

async function importOne({ apiKeys }: Store, act: Act, key: ApiKey): Promise<Outcome | { readonly problem: string }> {
  const stored = await apiKeys.findByHash(key.realmId, key.hash)
  if (stored === undefined) {
    await apiKeys.put(key, act)
    return 'made'
  }
  if (stored.clientId !== key.clientId) return { problem: `of that hash is client ${stored.clientId}'s: a key belongs to one client` }
  return isLive(stored, act.at) ? 'there' : 'ended'
}

/** An id that another key has would put this one in its place. */
async function checkIsFree(store: Store, realmId: string, id: string, hash: string): Promise<void> {
  for await (const { clientId } of clientsOf(store, realmId)) {
    const taken = (await store.apiKeys.list(realmId, clientId)).some((one) => one.id === id && one.hash !== hash)
    if (taken) throw new UsageError(`Client ${clientId} has an API key ${id} already, with another hash: choose another --id.`)
  }
}

async function readLines(file: string, mistakes: string[]): Promise<readonly Line[]> {
  const lines = new Map<string, Line>()
  for (const [index, text] of (await readText(file)).split(/\r?\n/).entries()) {
    if (text === '' || text.startsWith('#')) continue
    const line = readLine(text, index + 1)
    if (line === undefined) {
      mistakes.push(
        `line ${index + 1} must be clientId,hash or clientId,hash,name with a SHA-256 as \`countersign hash\` prints it, or in hex`,
      )
      continue
    }
    const first = lines.get(line.hash)
    if (first && first.clientId !== line.clientId)
      mistakes.push(`line ${line.number} has the hash of line ${first.number} for another client`)
    if (!first) lines.set(line.hash, line)
  }
  return [...lines.values()]
}

/** What follows a hash is the name, commas included. */
const LINE = /^([\x21-\x7e]{1,128}),((?:sha256:)?[A-Za-z0-9_+/=-]{43,64})(?:,(.*))?$/

function readLine(text: string, number: number): Line | undefined {
  const [, clientId = '', given = '', name] = LINE.exec(text) ?? []
  const hash = normalHash(given)
  if (hash === undefined || (name !== undefined && !isKeyName(name))) return undefined
  return { number, clientId, hash, name }
}

async function checkClients(store: Store, realmId: string, lines: readonly Line[], mistakes: string[]): Promise<void> {
  const first = new Map<string, number>()
  for (const { clientId, number } of lines) if (!first.has(clientId)) first.set(clientId, number)
  for (const [clientId, number] of first) {
    if ((await store.clients.find(realmId, clientId)) === undefined)
      mistakes.push(`line ${number} is of a client '${clientId}' that realm ${realmId} has not: make it first`)
  }
}

/** One sentence a line, and how many more there are. */
function refuse(file: string, mistakes: readonly string[]): void {
  if (mistakes.length === 0) return
  const more = mistakes.length > MOST_MISTAKES ? [`${file} has ${mistakes.length - MOST_MISTAKES} more mistakes.`] : []
  throw new UsageError([...mistakes.slice(0, MOST_MISTAKES).map((one) => `${file}: ${one}.`), ...more].join('\n'))
}

async function readText(file: string): Promise<string> {
  try {
    if ((await stat(file)).size > MOST_BYTES)
      throw new UsageError(`The file ${file} is larger than ${MOST_BYTES / 1024 ** 2} MB: split it.`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`--file names ${file}, which ${whyUnreadable(error)}.`)
  }
}

async function digestOf(text: string, option: string): Promise<string> {
  const hash = normalHash(text)
  if (hash === undefined)
    throw new UsageError(
      `${option} must be the SHA-256 of a key: sha256: and base64url, base64 or hex, or hex alone; \`countersign hash\` prints it.`,
    )
  const findings = noFindings()
  await readSecret({ hash }, option, { env: {}, folder: '.', demo: false }, findings)
  if (findings.mistakes.length > 0) throw new UsageError(findings.mistakes.map(sentence).join('\n'))
  return hash
}

/** `sha256:<base64url>` of any usual spelling of 32 bytes; undefined for what is none. */
function normalHash(text: string): string | undefined {
  const [, prefix, digest = ''] = /^(sha256:)?(.+)$/.exec(text) ?? []
  if (/^[0-9A-Fa-f]{64}$/.test(digest)) return `sha256:${Buffer.from(digest, 'hex').toString('base64url')}`
  // Bare base64 could as well be a key itself.
  if (prefix === undefined || !/^[A-Za-z0-9_+/-]{43}=?$/.test(digest)) return undefined
  return `sha256:${Buffer.from(digest, 'base64').toString('base64url')}`
}
