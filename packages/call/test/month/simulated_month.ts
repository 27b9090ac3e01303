// A month of many replicas in a few seconds: time is a number, the provider is a function, and everything is drawn from a seed.
// What was spent is counted by the provider; whether a token is still good when it is used is judged by true time.
import type { Client } from '../../src/client.ts'
import { createClient } from '../../src/client.ts'
import type { TokenCache } from '../../src/token_cache.ts'

export interface MonthOptions {
  readonly days: number
  /** Seconds. */
  readonly lifetime: number
  readonly replicas: number
  /** True seconds between two moments at which something is called. */
  readonly step: number
  readonly seed: number
  /** A cache as one replica sees it after a start, by its own clocks; `time` is the true one. */
  readonly cache: (clocks: ReplicaClocks, time: { readonly ms: number }) => Required<TokenCache>
}

export interface ReplicaClocks {
  readonly now: () => number
  readonly monotonic: () => number
  readonly random: () => number
}

export interface Month {
  /** Tokens that the provider gave. */
  readonly spent: number
  readonly calls: number
  /** Calls with a token that had ended, or none that the provider ever gave. */
  readonly refused: number
  readonly restarts: number
}

const START = 1_800_000_000
const MOST_SKEW = 300
/** How long the provider takes to answer, in ms of true time. */
const ANSWER_MS = 120

export async function simulateMonth({ days, lifetime, replicas, step, seed, cache }: MonthOptions): Promise<Month> {
  const random = drawFrom(seed)
  const time = { ms: 0 }
  const endsAt = new Map<string, number>()
  let [calls, refused, restarts] = [0, 0, 0]
  const renewals = new Set<Promise<unknown>>()

  const fetch = async (): Promise<Response> => {
    const token = `token-${endsAt.size + 1}`
    endsAt.set(token, time.ms + ANSWER_MS + lifetime * 1000)
    time.ms += ANSWER_MS
    return Response.json({ access_token: token, token_type: 'Bearer', expires_in: lifetime })
  }

  /** The token goes to the API at once, where true time decides. */
  const call = async (client: Client): Promise<void> => {
    const { accessToken } = await client.token()
    calls++
    if (!((endsAt.get(accessToken) ?? 0) > time.ms)) refused++
  }

  const start = (): Client => {
    const [skew, booted] = [(random() * 2 - 1) * MOST_SKEW, random() * 1e9]
    const clocks = { now: () => START + skew + time.ms / 1000, monotonic: () => booted + time.ms, random }
    return createClient({
      ...clocks,
      tokenUrl: 'https://login.example.com/token',
      clientId: 'ours',
      clientSecret: 'our-secret',
      fetch,
      cache: watch(cache(clocks, time), renewals),
    })
  }

  const clients = Array.from({ length: replicas }, start)
  while (time.ms < days * 86_400_000) {
    const one = Math.floor(random() * replicas)
    if (random() < RESTARTS) {
      clients[one] = start()
      restarts++
    }
    const several = random() < BURSTS ? clients.slice(one, one + 4) : clients.slice(one, one + 1)
    await Promise.all(several.map(call))
    // What is renewed behind a caller's back takes time of this machine, and none of the month.
    await Promise.allSettled(renewals)
    time.ms += step * 1000 * (0.5 + random())
  }
  return { spent: endsAt.size, calls, refused, restarts }
}

function watch(cache: Required<TokenCache>, renewals: Set<Promise<unknown>>): TokenCache {
  return {
    ...cache,
    exclusively(key, work) {
      const renewal = cache.exclusively(key, work)
      renewals.add(renewal)
      const over = (): boolean => renewals.delete(renewal)
      renewal.then(over, over)
      return renewal
    },
  }
}

/** At each step: that a replica is started anew, and that several call in one moment. */
const RESTARTS = 0.02
const BURSTS = 0.02

/** A linear congruence modulo 2^32: the same everywhere for the same seed, and random enough to spread calls. */
function drawFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
