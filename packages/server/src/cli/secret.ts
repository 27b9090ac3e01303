// countersign secret: makes, rotates and ends the secrets of clients, and says which of them nobody uses any more.
import type { Client } from '../model/client.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../model/realm.ts'
import type { SecretUse } from '../model/secret_use.ts'
import { isLive, secretVerdict } from '../model/secret_verdict.ts'
import { AT_REST_OPTIONS, atRestUsage, withAtRest } from './at_rest.ts'
import type { Command } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { duration, endOf, required } from './duration.ts'
import { findClient, findRealm, findSecret } from './find.ts'
import { isoTime, jsonText, table } from './listing.ts'
import { newSecret } from './new_secret.ts'
import type { Subcommand } from './subcommand.ts'
import { runSubcommand } from './subcommand.ts'

export const command: Command = {
  summary: 'make, rotate and end the secrets of clients',
  usage: `Usage: countersign secret list   --client C [--realm R] [--json]
       countersign secret create --client C [--realm R] [--expires 90d]
       countersign secret rotate --client C [--realm R] [--overlap 7d] [--expires 90d]
       countersign secret drop   --id I [--client C] [--realm R] [--force]
       countersign secret cut    --id I [--client C] [--realm R]

  list     the secrets with their last use, and a verdict for each: which are safe to drop
  create   a further secret; it is printed once, alone on standard output, so that \`> file\` keeps it
  rotate   the same, and every other live one ends by itself when the overlap is over
  drop     ends one now: no new tokens by it; those it minted live on until they expire
  cut      for a secret that leaked: ends it now and revokes every token it ever minted

  --client C      the client's id
  --id I          the secret's, as \`countersign secret list\` shows it
  --overlap T     until the others end: 12h, 7d (default), or 0 for now
  --expires T     the new one ends then: 90d, or a date like 2027-12-31; without it there is no end
  --force         drop a client's last live secret too
  --realm R       may be left out where there is one realm only
  --json          as JSON
${atRestUsage(16)}

Examples:
  countersign secret rotate --client booth --overlap 7d > booth.secret
  countersign secret cut --id secret_4f9a`,
  run: (args, io) => runSubcommand('secret', SUBCOMMANDS, args, io),
}

const OPTIONS = { ...AT_REST_OPTIONS, realm: { type: 'string' }, client: { type: 'string' } } as const

const list: Subcommand = async (args, io) => {
  const { realm, client, json = false, ...place } = readOptions('secret', args, { ...OPTIONS, json: { type: 'boolean' } })
  const name = required(client, '--client', 'the client')
  return await withAtRest(place, io, async ({ store, act }) => {
    const found = await findClient(store, (await findRealm(store, realm)).id, name)
    const uses = new Map((await store.secrets.uses(found.realmId, found.clientId)).map((use) => [use.secretId, use]))
    io.out(json ? `${jsonText(listed(found, uses, act.at), 2)}\n` : listing(found, uses, act.at))
    return 0
  })
}

const create: Subcommand = async (args, io) => {
  const { realm, client, expires, ...place } = readOptions('secret', args, { ...OPTIONS, expires: { type: 'string' } })
  const name = required(client, '--client', 'the client')
  return await withAtRest(place, io, async (atRest) => {
    const { store, act } = atRest
    const found = await findClient(store, (await findRealm(store, realm)).id, name)
    const made = newSecret(atRest, found, endOf(expires, act.at))
    if (!(await store.secrets.add(found.realmId, found.clientId, made.secret, act))) throw gone(found)
    io.err(`${madeSentence(found, made.secret.id, made.secret.expiresAt)}\n`)
    io.out(`${made.text}\n`)
    return 0
  })
}

const rotate: Subcommand = async (args, io) => {
  const options = { ...OPTIONS, expires: { type: 'string' }, overlap: { type: 'string' } } as const
  const { realm, client, expires, overlap = '7d', ...place } = readOptions('secret', args, options)
  const name = required(client, '--client', 'the client')
  const seconds = overlap === '0' ? 0 : duration('--overlap', overlap, '0')
  return await withAtRest(place, io, async (atRest) => {
    const { store, act } = atRest
    const before = await findClient(store, (await findRealm(store, realm)).id, name)
    const made = newSecret(atRest, before, endOf(expires, act.at))
    if (made.secret.expiresAt !== null && made.secret.expiresAt <= act.at + seconds)
      throw new UsageError('The new secret would end before the old ones: give it a longer --expires, or them a shorter --overlap.')
    if (!(await store.secrets.rotate(before.realmId, before.clientId, made.secret, act.at + seconds, act))) throw gone(before)
    const after = await findClient(store, before.realmId, before.clientId)
    io.err(`${madeSentence(after, made.secret.id, made.secret.expiresAt)}\n${rotated(before, after, made.secret.hash, act.at)}`)
    io.out(`${made.text}\n`)
    return 0
  })
}

const drop: Subcommand = async (args, io) => {
  const options = { ...OPTIONS, id: { type: 'string' }, force: { type: 'boolean' } } as const
  const { realm, client: of, id, force = false, ...place } = readOptions('secret', args, options)
  const name = required(id, '--id', 'the secret, as `countersign secret list` shows it,')
  return await withAtRest(place, io, async ({ store, act }) => {
    const { client, secret } = await findSecret(store, name, realm, of)
    if (!isLive(secret, act.at)) throw new UsageError(`The secret ${secret.id} has ended already: there is nothing to drop.`)
    if (!force && othersOf(client, secret.id, act.at).length === 0) {
      throw new UsageError(
        `The secret ${secret.id} is the last live one of client ${client.clientId}: make another with \`countersign secret create\` first, or end it all the same with --force.`,
      )
    }
    await store.secrets.end(client.realmId, client.clientId, secret.id, act.at, act)
    io.out(`The secret ${secret.id} of ${nameOf(client)} has ended. Tokens it minted live on until they expire.\n`)
    io.out(configuredNote(client, secret.id))
    return 0
  })
}

const cut: Subcommand = async (args, io) => {
  const { realm, client: of, id, ...place } = readOptions('secret', args, { ...OPTIONS, id: { type: 'string' } })
  const name = required(id, '--id', 'the secret, as `countersign secret list` shows it,')
  return await withAtRest(place, io, async ({ store, act }) => {
    const { client, secret } = await findSecret(store, name, realm, of)
    const accessTokensEnd = act.at + MAX_ACCESS_TOKEN_LIFETIME
    if (!(await store.secrets.cut(client.realmId, client.clientId, secret.id, accessTokensEnd, act)))
      throw new UsageError(`The secret ${secret.id} was cut before, and all that it minted is revoked: there is nothing left to do.`)
    const others = othersOf(client, secret.id, act.at)
    io.out(
      `The secret ${secret.id} of ${nameOf(client)} has ended, and all it ever minted is revoked: access tokens are refused within a second, refresh tokens at once.\n`,
    )
    io.out(
      others.length > 0
        ? `The client must ask for new tokens with another secret (live: ${others.join(', ')}); its users, if it has any, must sign in again.\n`
        : `The client has no live secret left: make one with ${line('create', client)}, and hand it over.\n`,
    )
    io.out(configuredNote(client, secret.id))
    return 0
  })
}

const SUBCOMMANDS: ReadonlyMap<string, Subcommand> = new Map([
  ['list', list],
  ['create', create],
  ['rotate', rotate],
  ['drop', drop],
  ['cut', cut],
])

function listed({ realmId, clientId, secrets }: Client, uses: ReadonlyMap<string, SecretUse>, now: number) {
  const time = (seconds: number | null | undefined): string | null => (seconds ? isoTime(seconds) : null)
  return secrets.map((secret) => {
    const use = uses.get(secret.id)
    return {
      realm: realmId,
      client: clientId,
      id: secret.id,
      origin: secret.origin,
      made_at: time(secret.createdAt),
      ends_at: time(secret.expiresAt),
      last_used_at: time(use?.lastUsedAt),
      uses: use?.count ?? 0,
      address: use?.address ?? null,
      verdict: secretVerdict(secret, secrets, uses, now),
    }
  })
}

function listing(client: Client, uses: ReadonlyMap<string, SecretUse>, now: number): string {
  if (client.secrets.length === 0) return `There are no secrets of ${nameOf(client)}.\n`
  const rows = listed(client, uses, now).map(({ id, origin, made_at, ends_at, last_used_at, uses: count, address, verdict }) => [
    id,
    origin,
    made_at ?? '-',
    ends_at ?? 'never',
    last_used_at ?? 'never',
    `${count}`,
    address ?? '-',
    verdict,
  ])
  return table(['SECRET', 'MADE BY', 'MADE', 'ENDS', 'LAST USED', 'USES', 'FROM', 'VERDICT'], rows)
}

function madeSentence(client: Client, id: string, expiresAt: number | null): string {
  const until = expiresAt === null ? '' : ` until ${isoTime(expiresAt)}`
  return `The secret ${id} of ${nameOf(client)} is live${until}. It is printed this once, on standard output; only its hash is kept.`
}

/** What becomes of the old ones, as stored. */
function rotated(before: Client, after: Client, hash: string, now: number): string {
  const old = after.secrets.filter(({ id }) => before.secrets.some((one) => one.id === id && isLive(one, now)))
  const ends = old.map(({ id, expiresAt }) => `The old secret ${id} ${endSentence(expiresAt, now)}.\n`).join('')
  const overlaps = old.some((secret) => isLive(secret, now))
  const see = `Hand over the new one until then; ${line('list', after)} says when nobody uses the old one any more.\n`
  const named = configured(
    old.map(({ id }) => id),
    after,
  )
  const mend = `The configuration names ${named.join(', ')}: put { hash: '${hash}' } in its place once it has ended.\n`
  return `${ends}${overlaps ? see : ''}${named.length > 0 ? mend : ''}`
}

function endSentence(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'has no end'
  return expiresAt > now ? `ends by itself at ${isoTime(expiresAt)}` : 'has ended'
}

/** What the operator has to do besides, since a file of his names the secret. */
function configuredNote(client: Client, id: string): string {
  if (configured([id], client).length === 0) return ''
  return 'The configuration names it: take it out there too. It stays ended until then.\n'
}

function configured(ids: readonly string[], { secrets }: Client): string[] {
  return secrets.filter(({ id, origin }) => origin === 'configuration' && ids.includes(id)).map(({ id }) => id)
}

function gone(client: Client): UsageError {
  return new UsageError(`There is no ${nameOf(client)} any more: somebody else has just removed it.`)
}

function othersOf({ secrets }: Client, id: string, now: number): string[] {
  return secrets.filter((secret) => secret.id !== id && isLive(secret, now)).map((secret) => secret.id)
}

function nameOf({ realmId, clientId }: Client): string {
  return `client ${clientId} in realm ${realmId}`
}

function line(word: string, { realmId, clientId }: Client): string {
  return `\`countersign secret ${word} --realm ${realmId} --client ${clientId}\``
}
