// One store, asked directly: BENCH_RECORDS says what for, one line of JSON says what came of it.
import { randomUUID } from 'node:crypto'
import type { IssueRecord } from '../../packages/server/src/model/issuing.ts'
import type { CalendarWindow } from '../../packages/server/src/model/plan.ts'
import type { ReusableToken } from '../../packages/server/src/model/token.ts'
import { dayOf, spanOf } from '../../packages/server/src/model/window.ts'
import { openSqliteStore } from '../../packages/server/src/store/adapters/sqlite.ts'
import type { RecordTask, RecordTimes } from './records.ts'

const REALM = 'bench'
const TOGETHER = 64
const MONTH: CalendarWindow = { unit: 'month', timeZone: 'UTC' }
const LIMIT = 1_000_000_000
const PARTS = 4
/** Clients that share the tokens of one turn: the same for every number of clients there are, so that the same is written. */
const BUSY = 10

const task = JSON.parse(process.env['BENCH_RECORDS'] ?? '{}') as RecordTask
const store = await openSqliteStore({ file: task.file })
const now = Math.floor(Date.now() / 1000)
const span = spanOf(MONTH, now)
const day = dayOf(MONTH, now)

await giveEachAWindow()
const WAYS: Readonly<Record<'shared' | 'spread' | 'alone', Way>> = {
  shared: { together: TOGETHER, clients: BUSY },
  spread: { together: TOGETHER, clients: TOGETHER },
  alone: { together: 1, clients: 1 },
}
const found = { shared: [] as Measured[], spread: [] as Measured[], alone: [] as Measured[] }
await measure(WAYS.shared, task.millis / PARTS)
// Alternating, so that none has the younger file or the warmer processor.
for (let part = 0; part < PARTS; part++)
  for (const way of ['shared', 'spread', 'alone'] as const) found[way].push(await measure(WAYS[way], task.millis / PARTS))
const micros = (way: keyof typeof WAYS): number => mean(found[way].map((one) => one.micros))
const times: RecordTimes = {
  sharedMicros: micros('shared'),
  processorMicros: mean(found.shared.map((one) => one.processorMicros)),
  spreadMicros: micros('spread'),
  aloneMicros: micros('alone'),
  findMicros: await measureFinding(),
}
await store.close()
process.stdout.write(`RESULT ${JSON.stringify(times)}\n`)

async function giveEachAWindow(): Promise<void> {
  for (let client = 0; client < task.clients; client += TOGETHER) {
    const turn = Array.from({ length: Math.min(TOGETHER, task.clients - client) }, (_, index) => record(client + index))
    await Promise.all(turn.map((one) => store.issuing.record(one)))
  }
}

/** What arrives in one turn of the event loop: tokens, of so many different clients at most, who are others in the next turn. */
interface Way {
  readonly together: number
  readonly clients: number
}

interface Measured {
  readonly micros: number
  readonly processorMicros: number
}

/** A token's microseconds. */
async function measure({ together, clients }: Way, millis: number): Promise<Measured> {
  const began = performance.now()
  const used = process.cpuUsage()
  let recorded = 0
  while (performance.now() - began < millis) {
    const busy = Array.from({ length: clients }, () => Math.floor(Math.random() * task.clients))
    const turn = Array.from({ length: together }, (_, index) => store.issuing.record(record(busy[index % clients] ?? 0)))
    for (const { outcome } of await Promise.all(turn)) if (outcome !== 'recorded') throw new Error(`a record was ${outcome}`)
    recorded += together
  }
  const { user, system } = process.cpuUsage(used)
  return { micros: ((performance.now() - began) * 1000) / recorded, processorMicros: (user + system) / recorded }
}

function record(client: number, reuse: ReusableToken | null = null): IssueRecord {
  const clientId = `client-${client}`
  const detail = {
    jti: randomUUID(),
    credential: `secret_${client}`,
    grant: 'client_credentials',
    scope: 'read',
    audience: 'https://api.example.com',
  }
  return {
    now,
    charge: {
      meter: { account: `${REALM}/${clientId}`, name: 'tokens' },
      span,
      units: 1,
      limit: LIMIT,
      origin: { day, address: '192.0.2.1', userAgent: 'bench/1' },
      now,
    },
    reuse,
    refresh: null,
    opaque: null,
    audit: task.audit ? { at: now, by: 'server', realmId: REALM, event: 'token.issued', clientId, address: '192.0.2.1', detail } : null,
  }
}

/** Microseconds to find the token of one of the clients, at most 1000 of which have one. */
async function measureFinding(): Promise<number> {
  const kept = Math.min(task.clients, 1000)
  for (let client = 0; client < kept; client++) await store.issuing.record(record(client, reusable(client)))
  const began = performance.now()
  let found = 0
  while (performance.now() - began < task.millis / 4) {
    for (let one = 0; one < TOGETHER; one++) {
      const token = await store.issuing.findReusable(REALM, meaning(Math.floor(Math.random() * kept)), now)
      if (!token) throw new Error('a token that can be served again was not found')
      found++
    }
  }
  return ((performance.now() - began) * 1000) / found
}

function reusable(client: number): ReusableToken {
  const claims = { iss: 'http://127.0.0.1/bench', sub: `client-${client}`, aud: 'https://api.example.com', iat: now, exp: now + 900 }
  return {
    realmId: REALM,
    meaning: meaning(client),
    clientId: `client-${client}`,
    credential: null,
    jti: randomUUID(),
    claims,
    expiresAt: now + 900,
    reusableUntil: now + 450,
  }
}

function meaning(client: number): string {
  return `meaning-of-what-client-${client}-asks-for`.padEnd(43, '-')
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
