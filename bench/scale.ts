// What a server costs by how many realms and clients it has: its start, its memory, and above all a request, which must stay as it is.
import { setTimeout as pause } from 'node:timers/promises'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import { converse } from './scale/conversation.ts'
import type { Place, Size } from './scale/places.ts'
import { createPlace, fillDatabase, guardedRequest, sizeName, tokenRequest } from './scale/places.ts'
import type { ServerProcess } from './servers/server_process.ts'
import { processorSeconds, residentMegabytes, spawnServer } from './servers/server_process.ts'
import { median, pairedRatio } from './statistics.ts'

export interface ScalePlan {
  readonly sizes: readonly Size[]
  readonly rounds: number
  /** Of each kind in a round. */
  readonly requests: number
  readonly restSeconds: number
}

export interface ScaleRow extends Size {
  readonly firstStartMs: number
  readonly startMs: number
  readonly residentAtRest: number
  /** After each client has come. */
  readonly residentTouched: number
  /** Processor time of the server while nobody asks, microseconds a second. */
  readonly idleMicros: number
  /** Processor time of the server, microseconds a request, round by round. */
  readonly micros: Readonly<Record<Kind, readonly number[]>>
}

type Kind = (typeof KINDS)[number]

/** Ten clients that come again and again; any of all there are; and tokens of any that the guard has not seen before, one after another. */
const KINDS = ['token, ten clients', 'token, any client', 'guard, ten clients', 'guard, new token'] as const
const CONNECTIONS = 32
const FEW = 10
const STRIDE = 104_729
/** A change is known everywhere by then, a node's own too. */
const NEWS_MS = 1500
const FLAT = 1.25

const file = (realms: number, clients: number): Size => ({ realms, clients, from: 'file' })

export const FULL_SIZES: readonly Size[] = [
  file(1, 10),
  file(1, 1000),
  file(1, 100_000),
  file(10_000, 100_000),
  { realms: 10_000, clients: 100_000, from: 'database' },
]
export const QUICK_SIZES: readonly Size[] = [
  file(1, 10),
  file(1, 10_000),
  file(1000, 10_000),
  { realms: 100, clients: 10_000, from: 'database' },
]

interface Running {
  readonly size: Size
  readonly place: Place
  readonly server: ServerProcess
  /** One of each client at least, and as many as the guard is going to be asked about. */
  readonly tokens: string[]
  /** How many of them it was asked about. */
  asked: number
  readonly start: Pick<ScaleRow, 'firstStartMs' | 'startMs' | 'residentAtRest' | 'idleMicros'>
  readonly micros: Record<Kind, number[]>
}

export async function measureScale(plan: ScalePlan): Promise<{ rows: ScaleRow[]; targets: Target[] }> {
  const running: Running[] = []
  try {
    for (const size of plan.sizes) running.push(await start(size, plan))
    for (const one of running) await touch(one, plan)
    const touched = running.map((one) => residentMegabytes(one.server.pid))
    // Round 0 warms up.
    for (let round = 0; round <= plan.rounds; round++) {
      for (const kind of KINDS) {
        for (const one of running) {
          if (round === 0) {
            await ask(one, kind, plan.requests)
            continue
          }
          progress(`round ${round} of ${plan.rounds}: ${kind}, ${sizeName(one.size)}`)
          one.micros[kind].push(await ask(one, kind, plan.requests))
        }
      }
    }
    progressDone()
    const rows = running.map(
      ({ size, start: started, micros }, index): ScaleRow => ({ ...size, ...started, micros, residentTouched: touched[index] ?? 0 }),
    )
    const targets = targetsOf(rows)
    tell(rows)
    say(`\n${targetLines(targets)}`)
    return { rows, targets }
  } finally {
    for (const { server, place } of running) {
      await server.stop()
      await place.remove()
    }
  }
}

async function start(size: Size, { restSeconds }: ScalePlan): Promise<Running> {
  progress(`starting with ${sizeName(size)}`)
  const place = await createPlace(size)
  const first = await startOnce(place, size)
  await first.server.stop()
  if (size.from === 'database') await fillDatabase(place, size)
  const { server, milliseconds } = await startOnce(place, size)
  await pause(restSeconds * 1000)
  const before = processorSeconds(server.pid)
  await pause(restSeconds * 1000)
  const idleMicros = ((processorSeconds(server.pid) - before) * 1e6) / restSeconds
  const at = { firstStartMs: first.milliseconds, startMs: milliseconds, residentAtRest: residentMegabytes(server.pid), idleMicros }
  return {
    size,
    place,
    server,
    tokens: [],
    asked: 0,
    start: at,
    micros: Object.fromEntries(KINDS.map((kind) => [kind, []])) as unknown as Running['micros'],
  }
}

/** To its first token. */
async function startOnce(place: Place, size: Size): Promise<{ server: ServerProcess; milliseconds: number }> {
  const began = performance.now()
  const server = await spawnServer(place.args, place.env)
  await converse({ origin: server.origin, connections: 1, count: 1, request: () => tokenRequest(size, 0) })
  return { server, milliseconds: performance.now() - began }
}

/** Each realm makes its key; then, when that is no news any more, each client gets a token. */
async function touch({ size, server, tokens }: Running, { rounds, requests }: ScalePlan): Promise<void> {
  progress(`a token for each client of ${sizeName(size)}`)
  const answered = (index: number, body: string): void => {
    tokens[index] = (JSON.parse(body) as { access_token: string }).access_token
  }
  const all = { origin: server.origin, connections: CONNECTIONS }
  await converse({ ...all, count: size.realms, request: (realm) => tokenRequest(size, realm * (size.clients / size.realms)) })
  await pause(NEWS_MS)
  const count = Math.max(size.clients, (rounds + 1) * requests)
  await converse({ ...all, count, request: (index) => tokenRequest(size, index % size.clients), answered })
}

/** @returns microseconds of the server's processor time for one request */
async function ask(running: Running, kind: Kind, count: number): Promise<number> {
  const { size, server, tokens } = running
  const request = (): Buffer => {
    if (kind === 'token, any client') return tokenRequest(size, Math.floor(Math.random() * size.clients))
    // A stride that has no divisor with their number: each once, and neighbours of one realm not in a row.
    const one = kind === 'guard, new token' ? (running.asked++ * STRIDE) % tokens.length : fewOf(size)
    return kind === 'token, ten clients' ? tokenRequest(size, one) : guardedRequest(size, one % size.clients, tokens[one] ?? '')
  }
  const before = processorSeconds(server.pid)
  await converse({ origin: server.origin, connections: CONNECTIONS, count, request })
  return ((processorSeconds(server.pid) - before) * 1e6) / count
}

/** Spread over all there are, so that they are of several realms where there are several. */
function fewOf({ clients }: Size): number {
  const few = Math.min(FEW, clients)
  return Math.floor(Math.random() * few) * Math.floor(clients / few)
}

function tell(rows: readonly ScaleRow[]): void {
  const [small] = rows
  say('\nRealms x clients in each: start to the first token, memory, and processor time of the server for a request')
  say(
    table(
      ['', 'first start ms', 'start ms', 'MB at rest', 'MB touched', 'idle us/s', ...KINDS.map((kind) => `${kind} us`)],
      rows.map((row) => [
        sizeName(row),
        row.firstStartMs,
        row.startMs,
        row.residentAtRest,
        row.residentTouched,
        row.idleMicros,
        ...KINDS.map(
          (kind) => `${median(row.micros[kind]).toFixed(0)} (${pairedRatio(row.micros[kind], small?.micros[kind] ?? []).toFixed(2)})`,
        ),
      ]),
    ),
  )
  for (const row of rows.slice(1)) if (small && row.clients >= 10_000) say(`  ${sizeName(row)}: ${shareOf(row, small)}`)
}

function shareOf(row: ScaleRow, small: ScaleRow): string {
  const each = (value: number, before: number): string => ((value - before) / row.clients).toPrecision(2)
  const kilobytes = each(row.residentAtRest * 1000, small.residentAtRest * 1000)
  return `a client, with its share of a realm, costs ${each(row.startMs, small.startMs)} ms of the start and ${kilobytes} kB of memory at rest`
}

function targetsOf([small, ...others]: readonly ScaleRow[]): Target[] {
  if (!small) return []
  return others.flatMap((row) =>
    KINDS.map(
      (kind): Target => ({
        what: `${kind}: ${sizeName(row)} against ${sizeName(small)}`,
        measured: pairedRatio(row.micros[kind], small.micros[kind]),
        unit: 'x',
        bound: FLAT,
        sense: 'at most',
      }),
    ),
  )
}
