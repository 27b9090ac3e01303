// Runs every example for real: each as a process of its own, the demo as another.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { createClient } from '@countersign/call'
import { demo as demoOptions } from '@countersign/call/demo'
import { dialect } from '@countersign/call/dialect'
import { DEPOT } from '../examples/own_dialect.config.ts'
import { postForm, postJson, send } from '../packages/server/test/harness/http.ts'
import type { ServerProcess } from '../packages/server/test/harness/server.ts'
import { spawnServer } from '../packages/server/test/harness/server.ts'
import { ROOT, run, start } from './docs/child.ts'

const EXAMPLES = 'examples'
const curl = (await run('curl', ['--version']).catch(() => undefined))?.code === 0

let demo: ServerProcess
before(async () => {
  demo = await spawnServer(['--demo'])
})
after(() => demo.kill())

const example = (name: string): readonly string[] => ['-C', 'source', `${EXAMPLES}/${name}.ts`]
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

test('three calls of Willba need one token', async () => {
  const ended = await run('node', example('call_willba'), { DEMO_ORIGIN: demo.origin })
  assert.deepEqual(ended, {
    code: 0,
    stdout: '200 hotels\n200 rooms?floor=2\n200 bookings/17\n3 calls, 1 token request\n',
    stderr: '',
  })
})

test('all five providers are called, each with its own headers', async () => {
  const { code, stdout, stderr } = await run('node', example('call_all_five'), { DEMO_ORIGIN: demo.origin })
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  const rows = stdout.trimEnd().split('\n')
  assert.deepEqual(
    rows.map((row) => row.split(/\s{2,}/)),
    [
      ['willba', '200', 'authorization'],
      ['partner', '200', 'authorisation, x-api-key'],
      ['wogeez', '200', 'authorization'],
      ['wave', '200', 'authorization'],
      ['webcommander', '200', 'access_token'],
    ],
  )
})

test('without a demo an example says what it cannot reach, and fails', async () => {
  const { code, stderr } = await run('node', example('call_all_five'), { DEMO_ORIGIN: 'http://127.0.0.1:1' })
  assert.equal(code, 1)
  assert.match(stderr, /^willba .*http:\/\/127\.0\.0\.1:1 gave no token: unreachable/)
})

test('three providers are called by hand with curl', { skip: curl ? false : 'curl is not installed' }, async () => {
  const ended = await run('sh', [`${EXAMPLES}/curl.sh`], { DEMO_ORIGIN: demo.origin })
  assert.deepEqual(ended, { code: 0, stdout: 'willba        200\npartner       200\nwebcommander  200\n', stderr: '' })
})

for (const framework of ['express', 'fastify', 'fetch']) {
  test(`the ${framework} API is opened by willba's tokens and by nothing else, and ends at SIGTERM`, async (t) => {
    const api = start('node', example(`guard_${framework}`), { DEMO_ORIGIN: demo.origin, PORT: '0' })
    t.after(() => api.stop('SIGKILL'))
    const [origin] = await api.said(/http:\/\/127\.0\.0\.1:[0-9]+/)
    const { accessToken } = await createClient(demoOptions('willba', { origin: demo.origin })).token()

    const missing = await send(`${origin}/rooms/17`)
    assert.deepEqual([missing.status, missing.json['code']], [401, 'missing_token'])
    assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="willba"')

    const allowed = await send(`${origin}/rooms/17`, { headers: bearer(accessToken) })
    assert.deepEqual([allowed.status, allowed.json], [200, { client: 'YOUR_CLIENT_ID', scope: ['email', 'profile'] }])

    const wave = await createClient(demoOptions('wave', { origin: demo.origin })).token()
    const foreign = await send(`${origin}/rooms/17`, { headers: bearer(wave.accessToken) })
    assert.deepEqual([foreign.status, foreign.json['code']], [401, 'invalid_token'])

    const elsewhere = await send(`${origin}/admin`, { headers: bearer(accessToken) })
    assert.deepEqual([elsewhere.status, elsewhere.json['code']], [404, 'no_route'])
    const deleted = await send(`${origin}/rooms/17`, { method: 'DELETE', headers: bearer(accessToken) })
    assert.deepEqual([deleted.status, deleted.json['code']], [405, 'method_not_allowed'])

    assert.deepEqual(await api.stop('SIGTERM'), { code: 0, stdout: `${origin}\n`, stderr: '' })
  })
}

test('the configuration keeps the home-made endpoint to the letter beside a standard one', async (t) => {
  const upstream = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1')
  t.after(() => upstream.close().closeAllConnections())
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  const env = { DEPOT_SECRET: 'd'.repeat(32), SHOP_SECRET: 's'.repeat(32), DEPOT_UPSTREAM: `http://127.0.0.1:${port}` }
  const server = await spawnServer(['--config', `${ROOT}${EXAMPLES}/own_dialect.config.ts`], env)
  t.after(() => server.kill())
  const login = (key: string) =>
    postJson(`${server.origin}/realms/depot/v2/session`, { grant_type: 'LOGIN', user: 'acme', key, rights: 'read' })
  const session = (await login(env.DEPOT_SECRET)).json['session']
  assert.ok(typeof session === 'object' && session !== null && 'id' in session)
  assert.deepEqual(session, { id: session.id, validFor: '900', rights: ['read'] })
  const refused = await login('wrong')
  assert.deepEqual([refused.status, refused.json['error']], [403, 'E17'])

  // What the server answers by is what the client speaks by.
  const client = createClient({
    tokenUrl: `${server.origin}/realms/depot/v2/session`,
    dialect: dialect(DEPOT),
    clientId: 'acme',
    clientSecret: env.DEPOT_SECRET,
    apiOrigins: [server.origin],
  })
  const opened = await client.fetch(`${server.origin}/apis/depot/stock/17`)
  assert.deepEqual([opened.status, await opened.text()], [200, '/stock/17'])
  const { accessToken } = await client.token()
  const spelledOtherwise = await send(`${server.origin}/apis/depot/stock/17`, { headers: bearer(accessToken) })
  assert.deepEqual([spelledOtherwise.status, spelledOtherwise.json['code']], [401, 'missing_token'])

  const shop = { grant_type: 'client_credentials', client_id: 'acme', client_secret: env.SHOP_SECRET }
  const { json } = await postForm(`${server.origin}/realms/shop/oauth2/token`, shop)
  const ofShop = await send(`${server.origin}/apis/depot/stock/17`, { headers: { 'x-session': String(json['access_token']) } })
  assert.deepEqual([ofShop.status, ofShop.json['code']], [401, 'invalid_token'])
})

test('the page of examples lists every one of them', () => {
  const page = readFileSync(`${ROOT}${EXAMPLES}/README.md`, 'utf8')
  const files = readdirSync(ROOT + EXAMPLES).filter((name) => /\.(?:ts|sh|json)$/.test(name))
  assert.deepEqual(
    files.filter((name) => !page.includes(`| [${name}](${name})`)),
    [],
  )
})
