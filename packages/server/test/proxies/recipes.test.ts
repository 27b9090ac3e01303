// What the recipes of examples/forward-auth say, and what each does when something about it is different.
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { IDENTITY_HEADERS } from '@countersign/guard/identity'
import { FORWARD_AUTH_ERRORS } from '../../src/gateway/forward_auth.ts'
import { sendAs } from '../harness/raw.ts'
import type { ProxyOptions, ProxyProgram, RunningProxy } from './programs.ts'
import { PROXY_PROGRAMS, recipe, startProxy } from './programs.ts'
import type { Shop } from './shop.ts'
import { API_KEY, HOST, PROXY_SECRET, startShop } from './shop.ts'

const BOUNDED = { timeout: 60_000 }
const page = readFileSync(new URL('../../../../docs/forward-auth.md', import.meta.url), 'utf8')

let shop: Shop
let authorization: string
before(async () => {
  shop = await startShop()
  authorization = await shop.bearer('read')
})
after(async () => {
  await shop.close()
  assert.deepEqual(shop.reports, [])
})

async function behind<Result>(
  program: ProxyProgram,
  options: ProxyOptions,
  use: (proxy: RunningProxy) => Promise<Result>,
  upstream = shop.upstream,
): Promise<Result> {
  const proxy = await startProxy(program, { countersign: shop.origin, upstream }, options)
  try {
    return await use(proxy)
  } finally {
    await proxy.close()
  }
}

async function statusOf({ origin }: RunningProxy, headers: Record<string, string> = {}): Promise<number> {
  return (await sendAs(`${origin}/orders/1`, { headers: { host: HOST, authorization, ...headers } })).status
}

const about = (api: string) => (text: string) => text.replaceAll('forward-auth/orders/', `forward-auth/${api}/`)

test('each recipe writes every identity header anew, the assertion too', () => {
  for (const file of ['nginx.conf', 'Caddyfile', 'countersign.lua']) {
    const text = recipe(file).toLowerCase()
    for (const name of [...IDENTITY_HEADERS, 'x-countersign-assertion']) assert.ok(text.includes(name), `${file} lacks ${name}`)
  }
})

test("nginx's recipe has the true status of every refusal", () => {
  const text = recipe('nginx.conf')
  for (const status of [400, 401, 404, 405, 429, 500, 503]) assert.ok(text.includes(`if ($guard_status = ${status}) { return ${status} `))
})

test('the page has every code of the endpoint with its status, and no other', () => {
  const rows = [...page.matchAll(/^\| `(\w+)`\s*\| (\d{3})\s*\|/gm)].map((row) => [row[1], Number(row[2])])
  const table = Object.entries(FORWARD_AUTH_ERRORS).map(([code, { status }]) => [code, status])
  assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(table))
})

for (const program of PROXY_PROGRAMS) {
  const { name } = program
  const skip = program.program === undefined && `${name} is not installed`

  test(`${name} shows the secret where its recipe says, and without it the API stays closed`, { ...BOUNDED, skip }, async () => {
    const shown = (text: string): string =>
      about('secured')(text).replaceAll(/# (.*X-Countersign-Proxy-Secret )"the secret"/g, `$1"${PROXY_SECRET}"`)
    const env = { COUNTERSIGN_PROXY_SECRET: PROXY_SECRET }
    assert.equal(await behind(program, { change: shown, env }, statusOf), 200)
    const reached = shop.received.length
    assert.notEqual(await behind(program, { change: about('secured') }, statusOf), 200)
    assert.equal(shop.received.length, reached)
  })

  test(`behind ${name} the caller's own word on its address is not believed`, { ...BOUNDED, skip }, async () => {
    await behind(program, { change: about('keyed') }, async (proxy) => {
      const claimed = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7', 'x-real-ip': '203.0.113.7' }
      const answer = await sendAs(`${proxy.origin}/orders/1`, { headers: { host: HOST, authorization, 'x-api-key': API_KEY, ...claimed } })
      assert.deepEqual([answer.status, answer.json['code']], [403, 'address_not_allowed'])
    })
  })
}

for (const program of PROXY_PROGRAMS.filter(({ name }) => name !== 'nginx')) {
  const { name } = program
  const skip = program.program === undefined && `${name} is not installed`
  test(`a handshake for a WebSocket is judged behind ${name}, and passes it`, { ...BOUNDED, skip }, async () => {
    const upstream = createServer().listen(0, '127.0.0.1')
    upstream.on('upgrade', ({ headers }, socket) => {
      // HAProxy checks it: RFC 6455 section 4.2.2.
      const accept = hash('sha1', `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64')
      const fields = `connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}`
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n\r\n`)
      socket.pipe(socket)
    })
    await once(upstream, 'listening')
    const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    await behind(
      program,
      {},
      async (proxy) => {
        const shake = (headers: Record<string, string>): ReturnType<typeof request> =>
          request(`${proxy.origin}/orders/1`, {
            agent: false,
            headers: {
              host: HOST,
              connection: 'Upgrade',
              upgrade: 'websocket',
              'sec-websocket-version': '13',
              'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
              ...headers,
            },
          }).end()
        const refused = shake({})
        const [answer] = (await once(refused, 'response')) as [IncomingMessage]
        assert.equal(answer.statusCode, 401)
        answer.resume()
        const [switched, socket] = await once(shake({ authorization }), 'upgrade')
        assert.equal(switched.statusCode, 101)
        socket.write('hello')
        const [heard] = await once(socket, 'data')
        assert.equal(String(heard), 'hello')
        socket.destroy()
      },
      origin,
    )
    upstream.closeAllConnections()
    upstream.close()
  })
}

const haproxy = PROXY_PROGRAMS.find(({ name }) => name === 'haproxy')
const skip = haproxy?.program === undefined && 'haproxy is not installed'
test('HAProxy goes on after a script that failed, and its recipe does not', { ...BOUNDED, skip }, async () => {
  assert.ok(haproxy)
  const reached = shop.received.length
  // `core.done(act.STOP)` has HAProxy skip all rules behind it.
  for (const broken of ["error('broken')", 'core.done(act.STOP)', 'do return end', 'do return act.STOP end']) {
    const change = (text: string): string => text.replace('local answer = core', `${broken}\n  local answer = core`)
    assert.equal(await behind(haproxy, { change }, statusOf), 503, broken)
  }
  assert.equal(shop.received.length, reached)
})
