// Rates and concurrency by client in the memory of one process, for programs without a Countersign server behind them. No volumes: what a
// restart forgets is no ledger. The arithmetic is @countersign/protocol/oauth/sliding_rate; RFC 6585 section 4, RateLimit fields.
import { writeRateLimits } from '@countersign/protocol/oauth/rate_limit'
import type { Arrival, Drawing, SlidingRate } from '@countersign/protocol/oauth/sliding_rate'
import { draw, isIdle, isRate, UNTOUCHED } from '@countersign/protocol/oauth/sliding_rate'
import type { AdmissionAnswer, Admissions } from './ports.ts'

export interface MemoryAdmissionsOptions {
  /** All of them hold at once, each by another `seconds`: `10 in 1 s` beside `300 in 60 s`. */
  readonly rates: readonly SlidingRate[]
  /** Requests of one client under way at once; default: as many as come. */
  readonly concurrency?: number | undefined
  /** Epoch milliseconds. */
  readonly nowMs: () => number
  /** Clients remembered at most, beside those with requests under way; default 20,000. Who is forgotten starts anew. */
  readonly maxClients?: number | undefined
}

/** @throws TypeError for rates or numbers that cannot be */
export function memoryAdmissions({ rates, concurrency, nowMs, maxClients = 20_000 }: MemoryAdmissionsOptions): Admissions {
  checkOptions(rates, concurrency, maxClients)
  const table = createTable(maxClients)
  return {
    admit({ principal: { clientId = '' }, cost }) {
      const now = nowMs()
      const client = table.client(clientId, now)
      const drawings = drawAll(rates, client, cost * TENTHS, now)
      const waitMs = Math.max(0, ...drawings.map((drawing) => drawing.waitMs))
      const full = concurrency !== undefined && client.underWay >= concurrency
      if (full || waitMs > 0) {
        // All or none: looks take nothing, and settle a clock that was set back.
        const looks = drawAll(rates, client, 0, now)
        client.arrivals = looks.map(({ arrival }) => arrival)
        const headers = headersOf(rates, looks)
        return full ? tooManyAtOnce(concurrency, headers) : refusedBy(rates, drawings, waitMs, headers)
      }
      client.arrivals = drawings.map(({ arrival }) => arrival)
      return { admitted: true, headers: headersOf(rates, drawings), done: enter(client) }
    },
  }
}

type Refused = Extract<AdmissionAnswer, { readonly admitted: false }>

/** The sliding rate reckons in tenths of a unit. */
const TENTHS = 10

function drawAll(rates: readonly SlidingRate[], { arrivals }: ClientState, tenths: number, now: number): readonly Drawing[] {
  return rates.map((rate, index) => draw(rate, arrivals[index] ?? UNTOUCHED, tenths, now))
}

/** Takes a place among the requests under way. The result gives it back, once. */
function enter(client: ClientState): () => void {
  client.underWay += 1
  let left = false
  return () => {
    if (left) return
    left = true
    client.underWay -= 1
  }
}

function tooManyAtOnce(concurrency: number, headers: Readonly<Record<string, string>>): Refused {
  const detail = `The client has ${concurrency} requests under way, as many as its plan allows at once: wait for one of them to end.`
  return { admitted: false, code: 'concurrency_exceeded', detail, headers, retryAfter: 1 }
}

/** The sentence names the rate that keeps the client waiting longest. */
function refusedBy(
  rates: readonly SlidingRate[],
  drawings: readonly Drawing[],
  waitMs: number,
  headers: Readonly<Record<string, string>>,
): Refused {
  const slowest = rates[drawings.findIndex((drawing) => drawing.waitMs === waitMs)]
  const named = `The client may send ${slowest?.limit} requests in ${slowest?.seconds} s, ${slowest?.burst} at once`
  const retryAfter = Math.ceil(waitMs / 1000)
  const mend = Number.isFinite(waitMs) ? `Try again in ${retryAfter} s.` : 'This one costs more than that, and never passes.'
  return { admitted: false, code: 'rate_exceeded', detail: `${named}. ${mend}`, headers, retryAfter }
}

function headersOf(rates: readonly SlidingRate[], drawings: readonly Drawing[]): Readonly<Record<string, string>> {
  const limits = drawings.flatMap(({ leftTenths, resetMs }, index) => {
    const rate = rates[index]
    if (rate === undefined) return []
    const { limit, seconds } = rate
    const remaining = Math.floor(leftTenths / TENTHS)
    return [{ name: `requests-${seconds}s`, quota: limit, window: seconds, remaining, reset: Math.ceil(resetMs / 1000) }]
  })
  return writeRateLimits(limits)
}

interface ClientState {
  /** One for each rate; none yet: nothing was drawn. */
  arrivals: readonly Arrival[]
  underWay: number
}

interface ClientTable {
  client(id: string, nowMs: number): ClientState
}

/** Entries looked at for each new one when there is no room. */
const LOOKED_AT = 8

/** Clients come from verified tokens, so that no stranger can fill it with names. */
function createTable(maxClients: number): ClientTable {
  const states = new Map<string, ClientState>()
  // Those who have everything back, and if there are none the oldest.
  const makeRoom = (nowMs: number): void => {
    let looked = 0
    let oldest: string | undefined
    for (const [id, state] of states) {
      if (states.size < maxClients) return
      if (++looked > LOOKED_AT) break
      if (state.underWay > 0) {
        // Out of the way of those who look next.
        states.delete(id)
        states.set(id, state)
      } else if (isQuiet(state, nowMs)) states.delete(id)
      else oldest ??= id
    }
    if (oldest !== undefined) states.delete(oldest)
  }
  return {
    client(id, nowMs) {
      const known = states.get(id)
      if (known !== undefined) return known
      makeRoom(nowMs)
      const state: ClientState = { arrivals: [], underWay: 0 }
      states.set(id, state)
      return state
    },
  }
}

/** Everything is back: to forget it loses nothing. */
function isQuiet({ arrivals }: ClientState, nowMs: number): boolean {
  return arrivals.every((arrival) => isIdle(arrival, nowMs))
}

function checkOptions(rates: readonly SlidingRate[], concurrency: number | undefined, maxClients: number): void {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1
  if (!rates.every(isRate)) throw new TypeError('a rate has a whole limit, seconds and burst, each 1 or more')
  if (new Set(rates.map(({ seconds }) => seconds)).size < rates.length) throw new TypeError('two rates have the same seconds')
  if (concurrency !== undefined && !isCount(concurrency)) throw new TypeError('the concurrency must be a whole number, 1 or more')
  if (!isCount(maxClients)) throw new TypeError('the number of clients must be a whole number, 1 or more')
}
