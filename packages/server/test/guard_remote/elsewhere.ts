// A Countersign elsewhere, that can be stopped and come back at the same address, and guards in this process that follow it.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import type { Guard } from '@countersign/guard'
import type { RemoteGuard, RemoteGuardSetup } from '@countersign/guard/remote_guard'
import { createRemoteGuard } from '@countersign/guard/remote_guard'
import type { Deny, Verdict } from '@countersign/guard/verdict'
import { loadConfiguration } from '../../src/config/config.ts'
import type { ConfigInput } from '../../src/config/input.ts'
import { startServer } from '../../src/server/compose.ts'
import { basic, postForm } from '../harness/http.ts'
import { API, hashed, secretOf } from '../issue/orders.ts'
import { freePort, temporaryFolder } from '../process/program.ts'

/** Nothing that is awaited here takes this long. */
export const BOUNDED = { timeout: 30_000 }

export const API_KEY = 'the-api-key-of-shop-as-it-was-given-out'

export const input: ConfigInput = {
  realms: [
    {
      id: 'far',
      reuse: true,
      scopes: ['read', 'write'],
      audiences: [API],
      clients: [
        {
          clientId: 'shop',
          secret: hashed(secretOf('shop')),
          scopes: ['read', 'write'],
          grants: ['client_credentials'],
          apiKeys: [{ id: 'dashboard', key: hashed(API_KEY) }],
        },
        { clientId: 'other', secret: hashed(secretOf('other')), scopes: ['read'] },
        { clientId: 'reference', secret: hashed(secretOf('reference')), scopes: ['read'], tokenFormat: 'opaque' },
        { clientId: 'api', secret: hashed(secretOf('api')), introspects: true },
      ],
    },
    { id: 'near', audiences: [API], clients: [{ clientId: 'shop', secret: hashed(secretOf('shop')) }] },
  ],
}

export interface Elsewhere {
  readonly origin: string
  readonly folder: string
  /** What the operator was told. */
  readonly notices: readonly string[]
  /** `Authorization` of a token of the realm far. */
  bearer(clientId: string, parameters?: Record<string, string>): Promise<string>
  revoke(clientId: string, bearer: string): Promise<void>
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startElsewhere(): Promise<Elsewhere> {
  const port = Number(await freePort())
  const folder = temporaryFolder()
  const origin = `http://127.0.0.1:${port}`
  const notices: string[] = []
  const begin = async () => {
    const loaded = await loadConfiguration({ input, env: {}, flags: { port, managementPort: 0, data: folder } })
    return await startServer(loaded.configuration, { atPorts: loaded.atPorts, notice: (one) => notices.push(one), report: () => undefined })
  }
  let running = await begin()
  return {
    origin,
    folder,
    notices,
    async bearer(clientId, parameters = {}) {
      const { json } = await postForm(
        `${origin}/realms/far/oauth2/token`,
        { grant_type: 'client_credentials', ...parameters },
        basic(clientId, secretOf(clientId)),
      )
      assert.equal(typeof json['access_token'], 'string', JSON.stringify(json))
      return `Bearer ${String(json['access_token'])}`
    },
    async revoke(clientId, bearer) {
      const token = bearer.slice('Bearer '.length)
      const { status } = await postForm(`${origin}/realms/far/oauth2/revoke`, { token }, basic(clientId, secretOf(clientId)))
      assert.equal(status, 200)
    },
    stop: () => running.close(),
    start: async () => {
      running = await begin()
    },
  }
}

/** Which requests a guard sends: wraps `fetch`. */
export function watched(see: (path: string, body: string) => void): typeof fetch {
  return (target, init) => {
    const { pathname } = new URL(target instanceof Request ? target.url : target)
    see(pathname, typeof init?.body === 'string' ? init.body : '')
    return fetch(target, init)
  }
}

export function followFrom(origin: string, more: Partial<RemoteGuardSetup> = {}): Promise<RemoteGuard> {
  return createRemoteGuard({
    url: `${origin}/realms/far`,
    clientId: 'api',
    clientSecret: secretOf('api'),
    audience: API,
    fetch,
    nowMs: () => performance.now(),
    now: () => Date.now() / 1000,
    ...more,
  })
}

export async function ask(guard: Guard, authorization: string, headers: Record<string, string> = {}): Promise<Verdict> {
  return await guard.check({ method: 'GET', path: '/orders', headers: { authorization, ...headers } })
}

/** The code of the verdict; `allowed` if it is none. */
export async function codeOf(guard: Guard, authorization: string, headers: Record<string, string> = {}): Promise<Deny['code'] | 'allowed'> {
  const verdict = await ask(guard, authorization, headers)
  return verdict.allow ? 'allowed' : verdict.code
}

/** Asks again and again until the answer is that one: for what is pushed, within 5 seconds. */
export async function becomes(what: string, want: string, look: () => Promise<string>, withinMs = 5000): Promise<void> {
  const end = performance.now() + withinMs
  let last = await look()
  while (last !== want) {
    assert.ok(performance.now() < end, `${what}: still ${last}, and not ${want}, after ${withinMs} ms`)
    await setTimeout(10)
    last = await look()
  }
}
