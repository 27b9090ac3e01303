// countersign audit: reads the audit trail, and follows it. Every row once, none left out. What others wrote reaches the terminal escaped.
import { setTimeout as pause } from 'node:timers/promises'
import { lifetime, moment } from '../config/lifetime.ts'
import type { Audit, AuditEvent, AuditFilter, AuditRow } from '../model/audit.ts'
import type { Store } from '../model/store.ts'
import { AT_REST_OPTIONS, placesUsage, withAtRest } from './at_rest.ts'
import type { Command } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { findRealm } from './find.ts'
import { isoTime, jsonText, printable } from './listing.ts'
import { stopSignal } from './stop_signal.ts'

const EVENTS: Readonly<Record<AuditEvent, string>> = {
  'token.issued': 'a fresh access token, with its jti and the secret it was minted by',
  'token.revoked': 'a token or a family of refresh tokens was given back',
  'token.replayed': 'a refresh token was used twice: its family is revoked',
  'token.exhausted': 'a token budget was used up',
  'client.refused': 'wrong credentials of a client that exists',
  'user.refused': 'a wrong password of a user who exists',
  'guard.refused': 'a token came to an API with the API key of another client',
  'realm.put': 'made or changed',
  'realm.removed': 'with all that is in it',
  'client.put': 'made or changed',
  'client.removed': 'with its secrets, its API keys and every token it has',
  'user.put': 'made or changed',
  'user.removed': 'signs in no more',
  'api_key.put': 'made or changed',
  'api_key.ending': 'an API key was given an end',
  'api_key.removed': 'the configuration names it no more',
  'secret.added': 'a further secret of a client',
  'secret.ending': 'a secret was given an end',
  'secret.cut': 'ended, and all that it minted revoked',
  'key.added': 'a signing key was published',
  'key.retired': 'it signs no more',
  'key.removed': 'what it signed verifies no more',
  'state.backed_up': 'everything was written to a file, or sent to another program',
  'state.restored': 'everything was put here by `countersign restore` or `import`',
}

export const command: Command = {
  summary: 'read and follow the audit trail',
  usage: `Usage: countersign audit [--follow] [--realm R] [--client C] [--event E] [--since T] [--limit N] [--json]

Prints what happened to credentials, tokens and configuration, one line each, oldest first.

  --follow        goes on with what happens from now on, until Ctrl-C
  --realm R       of this realm only
  --client C      of this client only
  --event E       of this kind only, see below
  --since T       not older than 1h, 7d, or a date like 2026-11-21
  --limit N       the newest N of what is there
  --json          one JSON object a line
${placesUsage(16)}

Events:
${Object.entries(EVENTS)
  .map(([name, what]) => `  ${name.padEnd(16)} ${what}`.trimEnd())
  .join('\n')}

Examples:
  countersign audit --since 1h --event client.refused
  countersign audit --follow --json`,
  async run(args, io) {
    const {
      follow = false,
      realm,
      client,
      event,
      since,
      limit,
      json = false,
      ...place
    } = readOptions('audit', args, {
      ...AT_REST_OPTIONS,
      follow: { type: 'boolean' },
      realm: { type: 'string' },
      client: { type: 'string' },
      event: { type: 'string' },
      since: { type: 'string' },
      limit: { type: 'string' },
      json: { type: 'boolean' },
    })
    const kind = event === undefined ? undefined : readEvent(event)
    const newest = limit === undefined ? undefined : readLimit(limit)
    const stop = follow ? stopSignal(process) : undefined
    return await withAtRest(place, io, async ({ store, act }) => {
      const filter: Filter = {
        ...(realm !== undefined && { realmId: await audited(store, realm) }),
        ...(client !== undefined && { clientId: client }),
        ...(kind !== undefined && { event: kind }),
        ...(since !== undefined && { since: readSince(since, act.at) }),
      }
      const print = (rows: readonly AuditRow[]): void => io.out(rows.map((row) => `${json ? jsonRow(row) : textRow(row)}\n`).join(''))
      const last = await store.audit.last()
      const start = newest === undefined ? 0 : await startOfNewest(store.audit, filter, newest, last)
      const seen = await printAfter(store.audit, filter, start, last, print)
      if (stop) await followAfter(store.audit, filter, seen, print, stop)
      return 0
    })
  },
}

type Filter = Omit<AuditFilter, 'after' | 'limit'>
type Print = (rows: readonly AuditRow[]) => void

const PAGE = 1000
const POLL_MS = 500

/**
 * Prints the rows behind `after`; `last` was the last row's sequence before, so that none up to it is still to come.
 * @returns the sequence up to which every row is printed
 */
async function printAfter(audit: Audit, filter: Filter, after: number, last: number, print: Print): Promise<number> {
  let seen = after
  let page: Awaited<ReturnType<Audit['read']>>
  do {
    page = await audit.read({ ...filter, after: seen, limit: PAGE })
    print(page)
    seen = Math.max(seen, page.at(-1)?.sequence ?? 0)
  } while (page.length === PAGE && !isDeaf())
  return Math.max(seen, last)
}

async function followAfter(audit: Audit, filter: Filter, after: number, print: Print, stop: Promise<unknown>): Promise<void> {
  const stopped = new AbortController()
  void stop.then(() => stopped.abort())
  let seen = after
  while (!stopped.signal.aborted && !isDeaf()) {
    await pause(POLL_MS, undefined, { signal: stopped.signal }).catch(() => undefined)
    const last = await audit.last()
    if (last > seen) seen = await printAfter(audit, filter, seen, last, print)
  }
}

/** Whoever read this (`| head`) has gone. */
function isDeaf(): boolean {
  return process.stdout.destroyed || process.stdout.errored !== null
}

/** The sequence behind which the newest `count` rows of the filter are: found by looking back over longer and longer stretches. */
async function startOfNewest(audit: Audit, filter: Filter, count: number, last: number): Promise<number> {
  if (count === 0) return last
  for (let stretch = count; ; stretch *= 8) {
    const after = Math.max(0, last - stretch)
    const sequences: number[] = []
    await printAfter(audit, filter, after, last, (rows) => {
      for (const row of rows) if (row.sequence <= last) sequences.push(row.sequence)
    })
    const first = sequences.at(-count)
    if (first !== undefined) return first - 1
    if (after === 0) return 0
  }
}

/** A realm that is gone has its rows still. @throws UsageError for one that there never was */
async function audited(store: Store, realmId: string): Promise<string> {
  const rows = await store.audit.read({ after: 0, limit: 1, realmId })
  return rows.length > 0 ? realmId : (await findRealm(store, realmId)).id
}

function readEvent(text: string): AuditEvent {
  const event = (Object.keys(EVENTS) as AuditEvent[]).find((one) => one === text)
  if (event) return event
  throw new UsageError(`There is no event '${printable(text)}': \`countersign audit --help\` lists the events.`)
}

function readLimit(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  throw new UsageError('--limit must be a whole number, such as 100.')
}

function readSince(text: string, now: number): number {
  const date = moment(text)
  const since = Number.isNaN(date) ? now - lifetime(text) : date
  if (!Number.isNaN(since)) return since
  throw new UsageError('--since must be a time like 15m, 1h or 7d, or a date like 2026-11-21 or 2026-11-21T10:00:00Z.')
}

function jsonRow({ sequence, at, realmId, event, clientId, address, by, detail }: AuditRow): string {
  return jsonText({ sequence, time: isoTime(at), realm: realmId, event, client: clientId, address, by, detail })
}

/** `2026-11-21T10:00:00Z main token.issued first-client 127.0.0.1 jti=... grant=...` */
function textRow({ at, realmId, event, clientId, address, by, detail }: AuditRow): string {
  const facts = Object.entries({ ...(by !== '' && { by }), ...detail }).map(
    ([name, value]) => `${name}=${word(isTime(name, value) ? isoTime(value) : value)}`,
  )
  return [isoTime(at), word(realmId), event, word(clientId), word(address), ...facts].join(' ')
}

/** By its name, as the rows of the store have them: epoch seconds say little to a reader. */
function isTime(name: string, value: unknown): value is number {
  return /^expires$|At$/.test(name) && Number.isInteger(value) && Math.abs(Number(value)) < 253_402_300_800
}

/** One word: as it is if it can be, else as JSON. */
function word(value: unknown): string {
  if (value === '') return '-'
  const text = isTexts(value) ? value.join(' ') : value
  return typeof text === 'string' && /^[^\s"\\{}[\]]+$/.test(text) && text === printable(text) ? text : jsonText(text)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string')
}
