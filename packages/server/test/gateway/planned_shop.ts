// A guarded API whose clients have plans, and an upstream that counts what reaches it and answers when it is told to.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConfigInput } from '../../src/config/input.ts'
import type { PlanInput } from '../../src/config/plan_input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic, postForm } from '../harness/http.ts'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startUpstream } from '../harness/upstream.ts'

const API = 'https://api.planned.example'
export const SECRET = 'a secret that is long enough'
export const KEYS = { one: 'key-of-one-that-is-long-enough', two: 'key-of-two-that-is-long-enough' } as const

export interface PlannedShop extends TestServer {
  /** Paths that reached the upstream. */
  readonly reached: readonly string[]
  /** Requests that wait at `/slow`, first come first. */
  readonly held: readonly ServerResponse[]
  /** Authorization of the client. */
  readonly bearer: (clientId: string) => string
  readonly call: (path: string, options?: { clientId?: string; method?: string; headers?: Record<string, string> }) => Promise<RawAnswer>
  /** The usage endpoint's answer to the client. */
  readonly usage: (clientId?: string) => Promise<Record<string, unknown>>
  /** Resolves when so many wait at `/slow`. */
  readonly waiting: (count: number) => Promise<void>
}

export interface ShopOptions {
  /** Of client `one`; `two` has none. */
  readonly requests?: NonNullable<PlanInput['requests']>
  readonly realmRequests?: NonNullable<PlanInput['requests']>
  readonly now?: () => number
  readonly more?: Partial<ConfigInput>
}

export async function startPlannedShop({ requests, realmRequests, now, more }: ShopOptions): Promise<PlannedShop> {
  const reached: string[] = []
  const held: ServerResponse[] = []
  const arrivals = new EventTarget()
  const upstream = await startUpstream((request: IncomingMessage, response: ServerResponse) => {
    reached.push(request.url ?? '')
    request.resume()
    if (request.url === '/broken') return void response.socket?.destroy()
    if (request.url !== '/slow') return void response.end('hello')
    held.push(response)
    arrivals.dispatchEvent(new Event('held'))
  })
  const client = (clientId: 'one' | 'two') => ({
    clientId,
    secret: { hash: secretHash(SECRET) },
    apiKeys: [{ id: `key-${clientId}`, key: { hash: secretHash(KEYS[clientId]) } }],
  })
  const server = await startConfigured(
    {
      realms: [
        {
          id: 'shop',
          audiences: [API],
          accessTokenLifetime: '7d',
          ...(realmRequests && { plan: { requests: realmRequests } }),
          clients: [{ ...client('one'), ...(requests && { plan: { requests } }) }, client('two')],
        },
      ],
      apis: [
        {
          id: 'orders',
          realm: 'shop',
          upstream: upstream.origin,
          otherwise: 'authenticated',
          routes: [
            { methods: ['GET'], path: '/free', cost: 0 },
            { methods: ['GET'], path: '/report/:year', cost: 5 },
          ],
        },
        { id: 'second', realm: 'shop', upstream: upstream.origin },
        { id: 'keyed', realm: 'shop', upstream: upstream.origin, apiKey: 'required' },
      ],
      ...more,
    },
    {},
    now,
  )
  const token = async (clientId: string): Promise<string> => {
    const { json, text } = await postForm(
      `${server.origin}/realms/shop/oauth2/token`,
      { grant_type: 'client_credentials' },
      basic(clientId, SECRET),
    )
    if (typeof json['access_token'] !== 'string') throw new Error(text)
    return `Bearer ${json['access_token']}`
  }
  const bearers = { one: await token('one'), two: await token('two') }
  const bearer = (clientId: string): string => (clientId === 'two' ? bearers.two : bearers.one)
  return {
    ...server,
    reached,
    held,
    bearer,
    call: (path, { clientId = 'one', headers = {}, ...rest } = {}) =>
      sendAs(`${server.origin}/apis${path}`, { headers: { authorization: bearer(clientId), ...headers }, ...rest }),
    async usage(clientId = 'one') {
      const response = await fetch(`${server.origin}/realms/shop/usage`, { headers: basic(clientId, SECRET) })
      return (await response.json()) as Record<string, unknown>
    },
    async waiting(count) {
      while (held.length < count) await once(arrivals, 'held')
    },
    async close() {
      for (const response of held) response.destroy()
      await server.close()
      await upstream.close()
    },
  }
}
