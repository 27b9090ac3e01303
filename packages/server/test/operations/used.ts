// A database that real use has filled: every table that is dumped has rows, written by requests and not by hand.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'

export const SHOP = 'the secret of the shop, long enough'
const PASSWORD = 'correct horse battery staple'
const KEY = 'an-API-key-that-is-long-enough-to-be-one'
/** Tokens of a month. */
export const BUDGET = 10
const MASTER_KEY = '0f'.repeat(32)

const upstream = await startEcho()
after(() => upstream.close())
const password = await hashPassword(PASSWORD)

export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'countersign-operations-'))
  after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** On `where`: `{ data }` or `{ database }`. */
export function start(where: Pick<ConfigInput, 'data' | 'database'>): Promise<TestServer> {
  const secret = { hash: secretHash(SHOP) }
  const plan = { tokens: { limit: BUDGET }, requests: { perMonth: 1000 } }
  const input: ConfigInput = {
    ...where,
    masterKey: { env: 'KEY' },
    realms: [
      {
        id: 'depot',
        issuer: 'https://auth.depot.example/realms/depot',
        audiences: ['goods'],
        grants: ['client_credentials', 'password', 'refresh_token'],
        clients: [
          { clientId: 'shop', secret, plan, apiKeys: [{ key: { hash: secretHash(KEY) } }] },
          { clientId: 'reuser', secret, reuse: true },
          { clientId: 'reference', secret, tokenFormat: 'opaque' },
          { clientId: 'desk', secret, grants: ['password', 'refresh_token'], introspects: true },
        ],
        users: [{ username: 'ada', password: { hash: password } }],
      },
    ],
    apis: [{ id: 'goods', realm: 'depot', upstream: upstream.origin, audience: 'goods', apiKey: 'optional' }],
  }
  return startConfigured(input, { KEY: MASTER_KEY })
}

/** At one of the realm's endpoints. */
export function ask(server: TestServer, path: string, clientId: string, parameters: Record<string, string>): Promise<Answer> {
  return postForm(`${server.origin}/realms/depot/${path}`, parameters, basic(clientId, SHOP))
}

export const CREDENTIALS = { grant_type: 'client_credentials' }

/** Status of a call of the guarded API; with the shop's API key beside the token, or without. */
export async function call(server: TestServer, token: string, withKey = false): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, ...(withKey && { 'x-api-key': KEY }) }
  return (await send(`${server.origin}/apis/goods/1`, { headers })).status
}

/** What was handed out, to be tried again on another database. */
export interface Used {
  /** Good. */
  readonly token: string
  readonly opaque: string
  readonly revoked: string
  /** What a request gets that has its token already. */
  readonly reused: string
  /** Not used yet. */
  readonly refresh: string
  /** Was used. */
  readonly spent: string
  /** Tokens of the shop's budget. */
  readonly charged: number
}

/** Some of everything in a folder that no server works on. */
export async function use(data: string): Promise<Used> {
  const server = await start({ data })
  const get = async (clientId: string, parameters: Record<string, string> = CREDENTIALS): Promise<Record<string, string>> => {
    const { status, json, text } = await ask(server, 'oauth2/token', clientId, parameters)
    if (status !== 200) throw new Error(text)
    return json as Record<string, string>
  }
  try {
    const [token = '', revoked = '', opaque = '', reused = ''] = await Promise.all(
      ['shop', 'shop', 'reference', 'reuser'].map(async (one) => (await get(one))['access_token'] ?? ''),
    )
    const first = await get('desk', { grant_type: 'password', username: 'ada', password: PASSWORD })
    const spent = first['refresh_token'] ?? ''
    const second = await get('desk', { grant_type: 'refresh_token', refresh_token: spent })
    await ask(server, 'oauth2/revoke', 'shop', { token: revoked })
    if ((await call(server, token, true)) !== 200) throw new Error('the API does not take the token')
    return { token, revoked, opaque, reused, spent, refresh: second['refresh_token'] ?? '', charged: 2 }
  } finally {
    await server.close()
    const store = await openSqliteStore({ file: join(data, 'countersign.db') })
    await store.replays.claim('depot', 'a name that was used', 4_000_000_000)
    await store.close()
  }
}
