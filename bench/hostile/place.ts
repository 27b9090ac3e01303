// The server that is attacked: one process with a file behind it, as an operator runs it, with users, an API, and a trusted proxy in front, so
// that each attempt can come from an address of its own. Otherwise the throttles would answer, and not what is measured.
import { hashPassword } from '../../packages/server/src/issue/password.ts'
import { freePort } from '../../packages/server/test/harness/free_port.ts'
import { CLIENT_ID, TOKEN_BODY } from '../servers/asked.ts'
import type { CountersignFolder } from '../servers/countersign.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import type { ServerProcess } from '../servers/server_process.ts'
import { spawnServer } from '../servers/server_process.ts'
import type { Asked, Conversation } from './conversation.ts'

export const REALM = 'es256'
export const TOKEN_PATH = tokenPath('ES256')
export const GUARDED = `/realms/${REALM}/forward-auth/orders/haproxy`
/** Each is tried a few times only: who fails too often is told to wait before anything is looked at. */
const USERS = 1000
export const userName = (n: number): string => `user-${String(n % USERS).padStart(4, '0')}`

export async function createPlace(): Promise<CountersignFolder> {
  const password = { hash: await hashPassword('a password that nobody is going to try here') }
  const users = Array.from({ length: USERS }, (_, n) => ({ username: userName(n), password }))
  const person = { clientId: 'phone', public: true, grants: ['password'] }
  const clients = [{ clientId: CLIENT_ID, secret: { env: 'BENCH_SECRET' } }, person]
  const apis = [{ id: 'orders', realm: REALM, upstream: 'http://127.0.0.1:9', forwardAuth: true }]
  return await createFolder({ top: { listen: { trustedProxies: ['127.0.0.1'] }, apis }, realm: { clients, users } })
}

export interface AttackedServer extends ServerProcess {
  readonly managementOrigin: string
}

export async function startServer({ args, env }: CountersignFolder): Promise<AttackedServer> {
  const managementPort = await freePort()
  const server = await spawnServer([...args, '--port', '0', '--management-port', String(managementPort)], env)
  return { ...server, managementOrigin: `http://127.0.0.1:${managementPort}` }
}

let addresses = 0

/** An address that was not seen before. */
export function fromElsewhere(): Record<string, string> {
  addresses += 1
  return { 'x-forwarded-for': `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}` }
}

const form = (body: string): Asked => ({
  method: 'POST',
  path: TOKEN_PATH,
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...fromElsewhere() },
  body,
})

export const tokenRequest = (): Asked => form(TOKEN_BODY)
export const wrongSecret = (clientId: string): Asked =>
  form(new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: crypto.randomUUID() }).toString())
export const wrongPassword = (username: string): Asked =>
  form(new URLSearchParams({ grant_type: 'password', client_id: 'phone', username, password: crypto.randomUUID() }).toString())
export const guardedRequest = (token: string): Asked => ({
  method: 'GET',
  path: GUARDED,
  headers: { authorization: `Bearer ${token}`, 'x-original-method': 'GET', 'x-original-uri': '/orders/17' },
})

export async function newToken(conversation: Conversation): Promise<string> {
  const { status, text } = await conversation.ask(tokenRequest())
  const { access_token: token } = JSON.parse(text) as { access_token?: string }
  if (token === undefined) throw new Error(`no token: status ${status}`)
  return token
}
