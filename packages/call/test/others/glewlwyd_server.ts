// Glewlwyd, an authorization server in C, as Debian packages it: its own database in a folder of the test's, one OpenID Connect
// instance, one confidential client. It is set up through its own admin API.
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { freePort } from '../../../server/test/harness/free_port.ts'
import { folder } from '../callsign_process.ts'

const PROGRAM = '/usr/bin/glewlwyd'
const SCHEMA = '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz'

/** Why these tests cannot run, or false. */
export const GLEWLWYD_MISSING: string | false =
  existsSync(PROGRAM) && existsSync(SCHEMA) ? false : `${PROGRAM} and its database schema are not installed`

export interface Glewlwyd {
  readonly issuer: string
  /** Two clients that differ in their secret alone. */
  readonly plain: { readonly clientId: string; readonly clientSecret: string }
  readonly special: { readonly clientId: string; readonly clientSecret: string }
  readonly user: { readonly username: string; readonly password: string }
}

const PLAIN = { clientId: 'ours', clientSecret: 'a1b2c3d4e5f60718293a4b5c6d7e8f90' }
const SPECIAL = { clientId: 'ours-too', clientSecret: 'a secret with: / + % & é' }
const USER = { username: 'someone', password: 'a password: + % é' }

export async function startGlewlwyd(t: TestContext): Promise<Glewlwyd> {
  const at = await folder(t)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const database = new DatabaseSync(join(at, 'glewlwyd.db'))
  database.exec(gunzipSync(await readFile(SCHEMA)).toString('utf8'))
  database.close()
  await writeFile(join(at, 'glewlwyd.conf'), configuration(at, port, origin))
  const child = spawn(PROGRAM, ['-c', join(at, 'glewlwyd.conf')], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await answering(`${origin}/api/`)
  const issuer = `${origin}/api/oidc`
  await setUp(`${origin}/api`, issuer)
  return { issuer, plain: PLAIN, special: SPECIAL, user: USER }
}

async function setUp(api: string, issuer: string): Promise<void> {
  const login = await fetch(`${api}/auth/`, json({ username: 'admin', password: 'password' }))
  const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
  const post = async (path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${api}${path}`, json(body, cookie))
    if (!answer.ok) throw new Error(`Glewlwyd answered ${answer.status} to ${path}: ${await answer.text()}`)
  }
  await post('/scope/', { name: 'orders:read', display_name: 'orders', description: 'orders', password_required: true, scheme: {} })
  await post('/user/', { ...USER, name: 'Someone', email: 'someone@example.com', scope: ['openid', 'orders:read'], enabled: true })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'ES256', use: 'sig' }
  const parameters = {
    iss: issuer,
    'jwt-type': 'ecdsa',
    'jwt-key-size': '256',
    'jwks-private': JSON.stringify({ keys: [jwk] }),
    'default-kid': 'first',
    'jwks-show': true,
    'access-token-duration': 600,
    'refresh-token-duration': 7200,
    'refresh-token-one-use': 'always',
    'refresh-token-rolling': false,
    'code-duration': 60,
    'allow-non-oidc': true,
    'auth-type-client-enabled': true,
    'auth-type-password-enabled': true,
    'auth-type-code-enabled': true,
    'auth-type-refresh-enabled': true,
    'pkce-allowed': true,
    'introspection-revocation-allowed': true,
    'introspection-revocation-allow-target-client': true,
    'subject-type': 'public',
    scope: [],
  }
  await post('/mod/plugin/', { module: 'oidc', name: 'oidc', display_name: 'oidc', parameters })
  for (const { clientId, clientSecret } of [PLAIN, SPECIAL]) {
    await post('/client/', {
      client_id: clientId,
      client_secret: clientSecret,
      confidential: true,
      enabled: true,
      name: clientId,
      authorization_type: ['client_credentials', 'password', 'refresh_token'],
      token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'],
      scope: ['orders:read'],
    })
  }
}

function json(body: unknown, cookie?: string): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookie === undefined ? {} : { cookie }) },
    body: JSON.stringify(body),
  }
}

function configuration(at: string, port: number, origin: string): string {
  const modules = '/usr/lib/glewlwyd'
  return `port=${port}
bind_address="127.0.0.1"
external_url="${origin}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="ERROR"
log_file="${at}/glewlwyd.log"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="${modules}/user"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3"; path = "${at}/glewlwyd.db"; };
`
}

async function answering(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer) return
    await new Promise((resolve) => {
      setTimeout(resolve, 25)
    })
  }
  throw new Error('Glewlwyd does not answer.')
}
