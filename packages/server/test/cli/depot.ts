// A realm for the commands that work on a data folder: two clients, a resource server, a guarded API; with and without a server on it.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { command as apiKey } from '../../src/cli/api_key.ts'
import { command as audit } from '../../src/cli/audit.ts'
import { command as client } from '../../src/cli/client.ts'
import type { Command, Io } from '../../src/cli/command.ts'
import { UsageError } from '../../src/cli/command.ts'
import { command as secret } from '../../src/cli/secret.ts'
import { command as usage } from '../../src/cli/usage.ts'
import { loadConfiguration } from '../../src/config/config.ts'
import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Store } from '../../src/model/store.ts'
import { applyConfiguration } from '../../src/server/apply.ts'
import { createSampleUpstream } from '../../src/server/sample_upstream.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { Serving } from '../process/program.ts'
import { serve, temporaryFolder } from '../process/program.ts'
import type { Ended } from './cli.ts'
import { countersign } from './cli.ts'

export const SHOP = { clientId: 'shop', secret: 'the-secret-of-the-shop-of-these-tests' }
export const STALL = { clientId: 'stall', secret: 'the-secret-of-the-stall-of-these-tests' }
const CHECKER = { clientId: 'checker', secret: 'the-secret-of-the-checker-of-these-tests' }
/** 32 bytes in hexadecimal. */
export const MASTER_KEY = '0f'.repeat(32)

/** Its secrets are needed themselves. */
export const SIGNER = 'signer'

export interface Depot {
  /** Folder of the database. */
  readonly data: string
  readonly config: string
  readonly env: Readonly<Record<string, string>>
}

/** A configuration in a folder of its own; the database comes with the first server, or with `storeOf`. */
export async function depot(): Promise<Depot> {
  const folder = temporaryFolder()
  const hashed = ({ secret: text }: typeof SHOP) => ({ secret: { hash: secretHash(text) } })
  const input: ConfigInput = {
    masterKey: { env: 'MASTER_KEY' },
    data: join(folder, 'data'),
    realms: [
      {
        id: 'depot',
        issuer: 'https://auth.depot.example/realms/depot',
        scopes: ['read', 'write'],
        audiences: ['goods', 'bills'],
        accessTokenLifetime: '12h',
        clients: [
          { clientId: SHOP.clientId, ...hashed(SHOP), scopes: ['read', 'write'], defaultAudience: 'goods' },
          { clientId: STALL.clientId, ...hashed(STALL), scopes: ['read'], audiences: ['goods'] },
          { clientId: CHECKER.clientId, ...hashed(CHECKER), introspects: true, audiences: ['goods'] },
          {
            clientId: SIGNER,
            secret: { env: 'SIGNER_SECRET' },
            authMethods: ['client_secret_basic', 'client_secret_jwt'],
            audiences: ['goods'],
          },
        ],
      },
    ],
    apis: [{ id: 'goods', realm: 'depot', upstream: await upstream(), audience: 'goods', apiKey: 'optional' }],
  }
  const config = join(folder, 'countersign.json')
  writeFileSync(config, JSON.stringify(input))
  return { data: join(folder, 'data'), config, env: { MASTER_KEY, SIGNER_SECRET: 'a-secret-that-is-long-enough-to-sign-with' } }
}

/** The store of the depot, configured as a server would; closed by the caller. */
export async function storeOf({ config, data, env }: Depot): Promise<Store> {
  const { configuration } = await loadConfiguration({ file: config, env })
  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  await applyConfiguration(store, configuration.realms, { at: Math.floor(Date.now() / 1000), by: 'configuration' })
  return store
}

/** A server on the depot. */
export function serving({ config, env }: Depot): Promise<Serving> {
  return serve(['--config', config], { env })
}

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['client', client],
  ['secret', secret],
  ['api-key', apiKey],
  ['audit', audit],
  ['usage', usage],
])

/** `countersign ARGS --data FOLDER`, in this process: starting one for each line would take most of the time. */
export async function command({ data }: Depot, [name = '', ...args]: readonly string[], env: Io['env'] = {}): Promise<Ended> {
  let [out, err] = ['', '']
  const io: Io = { env, out: (text) => (out += text), err: (text) => (err += text) }
  try {
    const code = await COMMANDS.get(name)?.run([...args, '--data', data], io)
    return { code: code ?? null, out, err }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { code: 2, out, err: `${err}${error.message}\n` }
  }
}

/** The same as a process of its own. */
export function spawned({ data }: Depot, args: readonly string[]): Promise<Ended> {
  return countersign([...args, '--data', data])
}

/** The same as `command`, and it must succeed. @returns what it printed, without the last line end */
export async function succeeding(place: Depot, args: readonly string[]): Promise<string> {
  const { code, out, err } = await command(place, args)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${out}${err}`)
  return out.replace(/\n$/, '')
}

interface Credentials {
  readonly clientId: string
  readonly secret: string
}

export function askForToken({ origin }: Serving, { clientId, secret }: Credentials): Promise<Answer> {
  return postForm(`${origin}/realms/depot/oauth2/token`, { grant_type: 'client_credentials' }, basic(clientId, secret))
}

export async function tokenOf(server: Serving, credentials: Credentials): Promise<string> {
  const { status, json, text } = await askForToken(server, credentials)
  if (status !== 200 || typeof json['access_token'] !== 'string') throw new Error(`no token: ${status} ${text}`)
  return json['access_token']
}

/** What the resource server is told of the token. */
export async function isActive({ origin }: Serving, token: string): Promise<unknown> {
  const answer = await postForm(`${origin}/realms/depot/oauth2/introspect`, { token }, basic(CHECKER.clientId, CHECKER.secret))
  return answer.json['active']
}

/** Status of a call of the guarded API. */
export async function callApi({ origin }: Serving, token: string, apiKey?: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, ...(apiKey !== undefined && { 'x-api-key': apiKey }) }
  return (await send(`${origin}/apis/goods/1`, { headers })).status
}

/** Waits until it is so. @throws Error after 10 s */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    if (await isSo()) return
    if (Date.now() > end) throw new Error(`it never came to pass that ${what}`)
    await pause(50)
  }
}

async function upstream(): Promise<string> {
  const server = createSampleUpstream().listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
