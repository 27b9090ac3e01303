// Debian's python3-authlib and python3-requests-oauthlib, each a process of its own. Skipped, with the reason, where they are not installed.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { Market } from './market.ts'
import { ADA, AUDIENCE, PATHS, SHOP, startMarket } from './market.ts'

const PYTHON = '/usr/bin/python3'

const LIBRARIES = [
  { name: 'authlib', script: 'authlib_client.py', modules: 'authlib.integrations.requests_client' },
  { name: 'requests-oauthlib', script: 'requests_oauthlib_client.py', modules: 'requests_oauthlib' },
] as const

/** Why the library cannot be had here; false if it can. */
function missing(modules: string): string | false {
  const { status, error } = spawnSync(PYTHON, ['-c', `import ${modules}`], { stdio: 'ignore' })
  if (error) return `${PYTHON} is not there`
  return status === 0 ? false : `${PYTHON} has no ${modules}`
}

let market: Market
let demo: TestServer
before(async () => {
  ;[market, demo] = await Promise.all([startMarket(), startDemo()])
})
after(async () => {
  await Promise.all([market.close(), demo.close()])
  assert.deepEqual([...market.reports, ...demo.reports], [])
})

interface Job {
  readonly client_id: string
  readonly client_secret: string | null
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'none'
  readonly token_url: string
  readonly parameters: Readonly<Record<string, string>>
  readonly scope?: string
  readonly refresh?: boolean
  readonly introspection_url?: string
  readonly revocation_url?: string
  readonly api_url?: string
}

type Token = Readonly<Record<string, unknown>>

interface Done {
  readonly token?: Token
  readonly refreshed?: Token
  readonly introspection?: Readonly<Record<string, unknown>>
  readonly revocation_status?: number
  readonly api_status?: number
  readonly api_status_after?: number
  readonly error?: string
}

async function run(script: string, job: Job): Promise<Done> {
  const child = spawn(PYTHON, [fileURLToPath(new URL(`python/${script}`, import.meta.url))], {
    // It takes http for an attack unless told otherwise.
    env: { PATH: process.env['PATH'], OAUTHLIB_INSECURE_TRANSPORT: '1', NO_PROXY: '127.0.0.1', PYTHONDONTWRITEBYTECODE: '1' },
  })
  child.stdin.end(JSON.stringify(job))
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  assert.equal(complained, '')
  return JSON.parse(said) as Done
}

/** A job of the standard realm's confidential client. */
const shop = (parameters: Job['parameters'], changes: Partial<Job> = {}): Job => ({
  client_id: SHOP.clientId,
  client_secret: SHOP.secret,
  method: 'client_secret_basic',
  token_url: market.origin + PATHS.token,
  parameters,
  ...changes,
})

const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' }
const PASSWORD = { grant_type: 'password', ...ADA }

for (const { name, script, modules } of LIBRARIES) {
  const skip = missing(modules)
  if (skip !== false) console.log(`${name} is skipped: ${skip}`)

  for (const method of ['client_secret_basic', 'client_secret_post'] as const) {
    test(`${name} gets a token with client_credentials by ${method}`, { skip }, async () => {
      const { token = {} } = await run(script, shop(CLIENT_CREDENTIALS, { method }))
      assert.deepEqual([token['token_type'], token['expires_in']], ['Bearer', 600])
      assert.equal(typeof token['access_token'], 'string')
    })

    test(`${name} takes a person through password and refresh by ${method}`, { skip }, async () => {
      const { token = {}, refreshed = {} } = await run(script, shop(PASSWORD, { method, refresh: true }))
      assert.equal(typeof token['refresh_token'], 'string')
      assert.equal(typeof refreshed['access_token'], 'string')
      assert.notEqual(refreshed['refresh_token'], token['refresh_token'])
    })
  }

  test(`${name} is told invalid_client for a wrong secret`, { skip }, async () => {
    for (const method of ['client_secret_basic', 'client_secret_post'] as const) {
      assert.deepEqual(await run(script, shop(CLIENT_CREDENTIALS, { method, client_secret: 'wrong' })), { error: 'invalid_client' })
    }
  })

  test(`${name} gets willba's token by Basic and opens the guarded API with it`, { skip }, async () => {
    const { client_id: id = '', client_secret: secret = '' } = TOKEN_REQUESTS.willba
    const job: Job = {
      client_id: id,
      client_secret: secret,
      method: 'client_secret_basic',
      token_url: demo.origin + TOKEN_PATHS.willba,
      parameters: CLIENT_CREDENTIALS,
      api_url: `${demo.origin}/apis/willba/orders`,
    }
    const { token = {}, api_status: status } = await run(script, job)
    assert.deepEqual([token['expires_in'], status], [300, 200])
  })

  test(`${name} takes wogeez's public client through password and refresh`, { skip }, async () => {
    const { client_id: id = '', ...parameters } = TOKEN_REQUESTS.wogeez
    const token_url = demo.origin + TOKEN_PATHS.wogeez
    const { token = {}, refreshed = {} } = await run(script, {
      client_id: id,
      client_secret: null,
      method: 'none',
      token_url,
      parameters,
      refresh: true,
    })
    assert.equal(token['expires_in'], 3600)
    assert.equal(typeof refreshed['access_token'], 'string')
  })
}

const noAuthlib = missing(LIBRARIES[0].modules)

test('authlib introspects a token, and revokes the refresh token of a grant', { skip: noAuthlib }, async () => {
  const job = shop(PASSWORD, { introspection_url: market.origin + PATHS.introspection, revocation_url: market.origin + PATHS.revocation })
  const { introspection = {}, revocation_status: status } = await run('authlib_client.py', job)
  assert.deepEqual([introspection['active'], introspection['aud'], introspection['client_id']], [true, AUDIENCE, SHOP.clientId])
  assert.equal(status, 200)
})

test("authlib revokes wave's token, and the guarded API is closed to it at once", { skip: noAuthlib }, async () => {
  const { client_id: id = '', client_secret: secret = '', ...parameters } = TOKEN_REQUESTS.wave
  const done = await run('authlib_client.py', {
    client_id: id,
    client_secret: secret,
    method: 'client_secret_post',
    token_url: demo.origin + TOKEN_PATHS.wave,
    parameters,
    api_url: `${demo.origin}/apis/wave/orders`,
    revocation_url: `${demo.origin}/realms/wave/oauth/revoke`,
  })
  assert.deepEqual([done.api_status, done.revocation_status, done.api_status_after], [200, 200, 401])
})
