// The configuration of a fault test: who is there, what each may do, and the API behind the gateway, which writes down what reaches it.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Limit } from './seen.ts'

export const REALM = '/realms/chaos'
/** Wants a token. */
export const OPEN_API = '/apis/open'
/** Wants a token and an API key of the same client. */
export const KEYED_API = '/apis/keyed'

/** `budgeted` and `sharing` have a token budget, `metered` a volume, `patient` a plan without ledger; `desk` signs users in. */
export const CLIENTS = ['plain', 'budgeted', 'sharing', 'metered', 'patient', 'desk', 'checker'] as const
export type Client = (typeof CLIENTS)[number]

export const secretOf = (client: Client): string => `the-secret-of-${client}-in-the-fault-tests`
export const API_KEY = 'the-api-key-of-metered-in-the-fault-tests'
export const USER = { username: 'someone', password: 'a password of the fault tests' }

export interface Sizes {
  readonly tokens: number
  readonly requests: number
}

export const limitsOf = ({ tokens, requests }: Sizes): ReadonlyMap<string, Limit> =>
  new Map([
    ['budgeted', { of: 'tokens', limit: tokens }],
    // Served again most of the time.
    ['sharing', { of: 'tokens', limit: Math.ceil(tokens / 10) }],
    ['metered', { of: 'requests', limit: requests }],
  ])

/** @returns the file's path */
export async function writeMarket(folder: string, upstream: string, sizes: Sizes): Promise<string> {
  const plan = (client: string): number => limitsOf(sizes).get(client)?.limit ?? 0
  const more: Partial<Record<Client, object>> = {
    budgeted: { plan: { tokens: { limit: plan('budgeted') } } },
    // Lives for seconds, so that there are several.
    sharing: { plan: { tokens: { limit: plan('sharing') } }, reuse: true, accessTokenLifetime: 4 },
    metered: { plan: { requests: { perMonth: plan('metered') } }, apiKeys: [{ key: { hash: secretHash(API_KEY) } }] },
    patient: { plan: { requests: { withoutLedger: 'allow' } } },
    desk: { grants: ['password', 'refresh_token'] },
    checker: { introspects: true },
  }
  const input: ConfigInput = {
    publicUrl: 'https://auth.chaos.example',
    realms: [
      {
        id: 'chaos',
        audiences: ['https://api.chaos.example'],
        accessTokenLifetime: '12h',
        clients: CLIENTS.map((clientId) => ({ clientId, secret: { hash: secretHash(secretOf(clientId)) }, ...more[clientId] })),
        users: [{ username: USER.username, password: { hash: await hashPassword(USER.password) } }],
      },
    ],
    apis: [
      { id: 'open', realm: 'chaos', upstream },
      { id: 'keyed', realm: 'chaos', upstream, apiKey: 'required' },
    ],
  }
  const file = join(folder, 'countersign.json')
  writeFileSync(file, JSON.stringify(input))
  return file
}

export interface Upstream {
  readonly origin: string
  /** Marks of what reached it, by client. */
  readonly reached: ReadonlyMap<string, ReadonlySet<string>>
  close(): Promise<void>
}

export async function startUpstream(): Promise<Upstream> {
  const reached = new Map<string, Set<string>>()
  const server = createServer(({ headers }, response) => {
    const client = String(headers['x-countersign-client'])
    const marks = reached.get(client) ?? new Set()
    reached.set(client, marks.add(String(headers['x-chaos-mark'])))
    response.end('reached')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached,
    close: async () => {
      server.close().closeAllConnections()
      await once(server, 'close')
    },
  }
}
