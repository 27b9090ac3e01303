// What a call costs more than bare `fetch` once the token is there. The same fetch that answers at once stands under each, in this
// process; they take turns in short rounds, so that other work on the machine spoils few of them, and the median round counts.
import { median } from '../statistics.ts'

export interface OverheadRow {
  readonly name: string
  /** Microseconds more than the bare call, for one call. */
  readonly micros: number
}

const URL_OF_API = 'https://api.example.com/v1/orders'
const TOKEN = 'bench-token'

type Call = () => Promise<Response>

/** Answers in the same turn; a token request gets its token. */
const answer = new Response(null, { status: 204 })
const fakeFetch = (input: string | URL | Request, _options?: object): Promise<Response> => {
  if (typeof input !== 'string' || !input.endsWith('/token')) return Promise.resolve(answer)
  return Promise.resolve(Response.json({ access_token: TOKEN, token_type: 'Bearer', expires_in: 86_400 }))
}

async function contestants(): Promise<ReadonlyMap<string, Call>> {
  const { createClient } = await import('@countersign/call')
  const ours = createClient({
    tokenUrl: 'https://login.example.com/token',
    clientId: 'bench',
    clientSecret: 'bench-secret',
    apiOrigins: ['https://api.example.com'],
    fetch: fakeFetch,
  })
  const client = await import('openid-client')
  const config = new client.Configuration({ issuer: 'https://login.example.com' }, 'bench', 'bench-secret')
  config[client.customFetch] = fakeFetch
  const url = new URL(URL_OF_API)
  const oauth = await import('oauth4webapi')
  const options = { [oauth.customFetch]: fakeFetch }
  return new Map<string, Call>([
    ['countersign, whole client', () => ours.fetch(URL_OF_API)],
    ['openid-client, fetchProtectedResource', () => client.fetchProtectedResource(config, TOKEN, url, 'GET')],
    ['oauth4webapi, protectedResourceRequest', () => oauth.protectedResourceRequest(TOKEN, 'GET', url, new Headers(), null, options)],
  ])
}

const bare: Call = () => fakeFetch(URL_OF_API, { headers: { authorization: `Bearer ${TOKEN}` } })

/** Until the code is compiled as well as it will be. */
const WARMUP_ROUNDS = 40

/** @param calls of each in each round */
export async function measureOverhead(rounds: number, calls: number): Promise<readonly OverheadRow[]> {
  const all = await contestants()
  const differences = new Map<string, number[]>([...all.keys()].map((name) => [name, []]))
  for (let round = -WARMUP_ROUNDS; round < rounds; round++) {
    const floor = await microsOf(bare, calls)
    for (const [name, call] of all) {
      const micros = (await microsOf(call, calls)) - floor
      if (round >= 0) differences.get(name)?.push(micros)
    }
  }
  return [...differences].map(([name, values]) => ({ name, micros: median(values) }))
}

async function microsOf(call: Call, calls: number): Promise<number> {
  const begin = performance.now()
  for (let done = 0; done < calls; done++) await call()
  return ((performance.now() - begin) * 1000) / calls
}
