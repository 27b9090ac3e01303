// A guarded API behind nginx, Caddy and HAProxy with the recipes of examples/forward-auth: the same claims for each of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:http'
import { after, before, suite, test } from 'node:test'
import { IDENTITY_HEADERS, isIdentityHeader } from '@countersign/guard/identity'
import type { RawAnswer } from '../harness/raw.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { RunningProxy } from './programs.ts'
import { PROXY_PROGRAMS, startProxy } from './programs.ts'
import type { Received, Shop } from './shop.ts'
import { HOST, startShop } from './shop.ts'

const BOUNDED = { timeout: 60_000 }
const METADATA = `https://${HOST}/.well-known/oauth-protected-resource`
const CHALLENGE = `Bearer realm="shop", resource_metadata="${METADATA}"`
const PROBLEM = /^application\/problem\+json/

for (const proxyProgram of PROXY_PROGRAMS) {
  const { name, program } = proxyProgram
  const skip = program === undefined && `${name} is not installed`
  suite(`behind ${name}`, { ...BOUNDED, skip }, () => {
    let shop: Shop
    let proxy: RunningProxy
    let bearer: string
    before(async () => {
      shop = await startShop()
      proxy = await startProxy(proxyProgram, { countersign: shop.origin, upstream: shop.upstream })
      bearer = await shop.bearer('read write')
    })
    after(async () => {
      await proxy.close()
      await shop.close()
      assert.deepEqual(shop.reports, [])
    })

    interface Options {
      readonly method?: string
      readonly headers?: Record<string, string>
      readonly body?: string
    }
    const call = (path: string, { headers = {}, ...rest }: Options = {}): Promise<RawAnswer> =>
      sendAs(proxy.origin + path, { headers: { host: HOST, authorization: bearer, ...headers }, ...rest })

    /** What reached the upstream while the calls were made. */
    const during = async (calls: () => Promise<unknown>): Promise<readonly Received[]> => {
      const before = shop.received.length
      await calls()
      return shop.received.slice(before)
    }

    const assertProblem = ({ status, headers, json, text }: RawAnswer, expected: number, code: string): void => {
      assert.deepEqual([status, json['code'], json['status']], [expected, code, expected], text)
      assert.match(String(headers['content-type']), PROBLEM)
      assert.equal(headers['cache-control'], 'no-store')
    }

    test('an allowed request reaches the upstream as it was sent, with who is calling', async () => {
      const path = '/orders/a%20b?x=1&y=%2f%20+'
      const [seen] = await during(async () => {
        assert.equal((await call(path, { method: 'PUT', body: 'hello' })).status, 200)
      })
      assert.deepEqual([seen?.method, seen?.path, seen?.body], ['PUT', path, 'hello'])
      const identity = Object.entries(seen?.headers ?? {}).filter(([field, value]) => isIdentityHeader(field) && value !== '')
      assert.deepEqual(Object.fromEntries(identity), {
        'x-consumer-id': 'one',
        'x-consumer-username': 'one',
        'x-consumer-custom-id': 'one',
        'x-credential-identifier': 'one',
        'x-countersign-client': 'one',
        'x-countersign-subject': 'one',
        'x-countersign-scope': 'read write',
        'x-countersign-realm': 'shop',
      })
    })

    test('the caller cannot write who is calling, in any spelling', async () => {
      const spoofed = Object.fromEntries(IDENTITY_HEADERS.map((field) => [field, 'admin']))
      const [seen] = await during(async () => {
        assert.equal((await call('/orders/1', { headers: spoofed })).status, 200)
      })
      assert.ok(!JSON.stringify(seen).includes('admin'), JSON.stringify(seen))
      for (const field of [
        'x-consumer-groups',
        'X_Consumer_Id',
        'x.consumer.id',
        'x-countersign_client',
        'X-COUNTERSIGN-CLIENT',
        'x-credential-x',
      ]) {
        const reached = await during(() => call('/orders/1', { headers: { [field]: 'admin' } }))
        assert.ok(!JSON.stringify(reached).includes('admin'), `${field}: ${JSON.stringify(reached)}`)
      }
    })

    test('the caller cannot have another request judged than the one that is passed on', async () => {
      const reader = await shop.bearer('read')
      const words = {
        'x-original-method': 'GET',
        'x-original-uri': '/orders/1',
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/orders/1',
        'x-http-method-override': 'GET',
      }
      for (const [field, value] of Object.entries(words)) {
        const reached = await during(async () => {
          const answer = await call('/orders/1', { method: 'DELETE', headers: { authorization: reader, [field]: value } })
          assert.ok(answer.status === 403 || answer.status === 400, `${field}: ${answer.status}`)
        })
        assert.deepEqual(reached, [], field)
      }
      const reached = await during(() => call('/orders/1', { headers: { 'x-http-method-override': 'DELETE', authorization: reader } }))
      assert.ok(!JSON.stringify(reached).includes('DELETE'))
    })

    test('a path that two programs could read differently reaches nobody', async () => {
      for (const path of [
        '/orders/..%2fadmin',
        '/orders/%2e%2e/admin',
        '/orders/../admin',
        '//orders/1',
        '/orders//1',
        '/orders/a%2fb',
        '/orders/..;/x',
        '/%6frders/1',
        '/orders/%00',
      ]) {
        const reached = await during(async () => {
          const answer = await call(path)
          assert.equal(answer.status, 400, `${path}: ${answer.text}`)
        })
        assert.deepEqual(reached, [], path)
      }
    })

    test('the absolute form of a target is judged as the path that the upstream gets', async () => {
      const reader = await shop.bearer('read')
      const ask = async (line: string): Promise<number[]> =>
        statuses(await exchange(proxy.origin, `${line} HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: ${reader}\r\nConnection: close\r\n\r\n`))
      const reached = await during(async () => {
        assert.deepEqual(await ask(`GET http://${HOST}/orders/1`), [200])
        assert.deepEqual(await ask(`DELETE http://${HOST}/orders/1`), [403])
        assert.deepEqual(await ask(`GET http://${HOST}/orders/..%2fadmin`), [400])
        assert.deepEqual(await ask(`GET http://${HOST}/nothing`), [404])
      })
      assert.deepEqual(
        reached.map(({ method, path }) => [method, path.replace(`http://${HOST}`, '')]),
        [['GET', '/orders/1']],
      )
    })

    test('no token and a forged one are 401, with one challenge', async () => {
      const reached = await during(async () => {
        const bare = await sendAs(`${proxy.origin}/orders/1`, { headers: { host: HOST } })
        assertProblem(bare, 401, 'missing_token')
        assert.equal(bare.headers['www-authenticate'], CHALLENGE)
        const forged = await call('/orders/1', { headers: { authorization: `${bearer}x` } })
        assertProblem(forged, 401, 'invalid_token')
        assert.match(
          String(forged.headers['www-authenticate']),
          /^Bearer realm="shop", error="invalid_token", error_description="[^"]+", resource_metadata="[^"]+"$/,
        )
      })
      assert.deepEqual(reached, [])
    })

    test('a missing scope is 403 and named, an unknown route 404, a wrong method 405 with Allow', async () => {
      const reached = await during(async () => {
        const answer = await call('/orders/1', { method: 'DELETE', headers: { authorization: await shop.bearer('read') } })
        assertProblem(answer, 403, 'insufficient_scope')
        assert.match(String(answer.headers['www-authenticate']), /scope="write"/)
        assertProblem(await call('/nothing/here'), 404, 'no_route')
        const wrong = await call('/orders/1', { method: 'POST', body: 'x' })
        assertProblem(wrong, 405, 'method_not_allowed')
        assert.equal(wrong.headers['allow'], 'DELETE, GET, HEAD, PUT')
      })
      assert.deepEqual(reached, [])
    })

    test('a client that was refused finds where to get a token', async () => {
      const { status, json } = await sendAs(`${proxy.origin}/.well-known/oauth-protected-resource`, { headers: { host: HOST } })
      assert.equal(status, 200)
      assert.equal(json['resource'], `https://${HOST}`)
    })

    test("the upstream's own refusal is passed on as it is", async () => {
      const answer = await call('/orders/403')
      assert.deepEqual([answer.status, answer.json['path']], [403, '/orders/403'])
    })

    test('a used up plan is a real 429, and its answers say what is left', async () => {
      const headers = { authorization: await shop.bearer('read', 'few') }
      const reached = await during(async () => {
        const first = await call('/orders/1', { headers })
        assert.equal(first.status, 200)
        assert.match(String(first.headers['ratelimit']), /r=1/)
        assert.ok(first.headers['ratelimit-policy'])
        assert.equal((await call('/orders/1', { headers })).status, 200)
        const refused = await call('/orders/1', { headers })
        assertProblem(refused, 429, 'rate_exceeded')
        assert.ok(Number(refused.headers['retry-after']) > 0)
        assert.match(String(refused.headers['ratelimit']), /r=0/)
        assert.equal(refused.headers['www-authenticate'], undefined)
      })
      assert.equal(reached.length, 2)
    })

    test('without a plan there are no fields about one', async () => {
      const { headers } = await call('/orders/1')
      assert.deepEqual([headers['ratelimit'], headers['ratelimit-policy']], [undefined, undefined])
      assert.ok(!JSON.stringify(Object.values(headers)).includes('{'), JSON.stringify(headers))
    })

    test('a connection serves one request after another, refused ones between', async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const ports = new Set<number>()
      const seen: number[] = []
      for (const authorization of [bearer, 'Bearer wrong', bearer, 'Bearer wrong', bearer]) {
        const sent = request(`${proxy.origin}/orders/1`, { agent, headers: { host: HOST, authorization } }).end()
        const [response] = (await once(sent, 'response')) as [IncomingMessage]
        ports.add(response.socket.localPort ?? 0)
        seen.push(response.statusCode ?? 0)
        response.resume()
        await once(response, 'end')
      }
      agent.destroy()
      assert.deepEqual([seen, ports.size], [[200, 401, 200, 401, 200], 1])
    })

    test('a refused request with a body leaves nothing behind that is read as the next', async () => {
      const inside = `GET /orders/2 HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: ${bearer}\r\n\r\n`
      const head = `POST /orders/1 HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${inside.length}\r\n\r\n`
      const last = `GET /orders/3 HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`
      const reached = await during(async () => {
        const said = statuses(await exchange(proxy.origin, head + inside + last))
        assert.ok(!said.includes(200), String(said))
      })
      assert.deepEqual(reached, [])
    })

    test('headers too large are refused cleanly, and the next request is served', async () => {
      const reached = await during(async () => {
        const answer = await call('/orders/1', { headers: { 'x-large': 'a'.repeat(40_000) } })
        assert.ok(answer.status >= 400, String(answer.status))
      })
      assert.deepEqual(reached, [])
      assert.equal((await call('/orders/1')).status, 200)
    })
  })

  test(`behind ${name}, an API whose Countersign is away stays closed`, { ...BOUNDED, skip }, async () => {
    const shop = await startShop()
    const away = await startShop()
    const authorization = await away.bearer('read')
    const proxy = await startProxy(proxyProgram, { countersign: away.origin, upstream: shop.upstream })
    try {
      assert.equal((await sendAs(`${proxy.origin}/orders/1`, { headers: { host: HOST, authorization } })).status, 200)
      await away.close()
      const answer = await sendAs(`${proxy.origin}/orders/1`, { headers: { host: HOST, authorization } })
      assert.ok(answer.status === 503 || answer.status === 502, `${answer.status} ${answer.text}`)
      assert.equal(shop.received.length, 1)
    } finally {
      await proxy.close()
      await shop.close()
    }
  })
}
