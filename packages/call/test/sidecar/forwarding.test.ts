// What passes through a sidecar, both ways: everything but the credentials, which are its own.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { INVALID_TOKEN, serve, startApi } from '../fake_provider.ts'
import { say, startBetween, statusOf } from './running.ts'

test('method, path, query, fields and body arrive as they were sent, with the credentials; fifty calls cost one token', async (t) => {
  const { sidecar, api, provider } = await startBetween(t)
  const calls = Array.from({ length: 50 }, (_, index) =>
    fetch(`${sidecar.address}/orders/%C3%A9?n=${index}&a=b%20c`, {
      method: 'PUT',
      body: `body ${index}`,
      headers: { 'x-mine': 'é', cookie: 'a=1' },
    }),
  )
  for (const response of await Promise.all(calls)) assert.equal(response.status, 200)
  assert.equal(provider.requests.length, 1)
  const seen = api.seen.find(({ body }) => body === 'body 7')
  assert.deepEqual([seen?.method, seen?.path], ['PUT', '/orders/%C3%A9?n=7&a=b%20c'])
  const { authorization, cookie, host } = seen?.headers ?? {}
  assert.deepEqual([authorization, cookie, host], ['Bearer token-1', 'a=1', api.origin.replace('http://', '')])
  assert.equal(seen?.headers['x-mine'], '\u00e9')
  for (const name of ['sec-fetch-mode', 'transfer-encoding', 'x-forwarded-for', 'via']) assert.equal(seen?.headers[name], undefined, name)
})

test('an answer comes back byte for byte: status, coded body, two cookies, no body where there is none', async (t) => {
  const coded = gzipSync('hello')
  const api = await serve(t, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (incoming.url === '/none') return outgoing.writeHead(204, { 'x-a': '1' }).end()
    if (incoming.url === '/cached') return outgoing.writeHead(304, { etag: '"1"' }).end()
    const fields = [
      'content-encoding',
      'gzip',
      'set-cookie',
      'a=1',
      'set-cookie',
      'b=2',
      'content-length',
      String(coded.length),
      'connection',
      'x-hop',
      'x-hop',
      '1',
    ]
    return outgoing.writeHead(418, 'Short and stout', fields).end(coded)
  })
  const { sidecar, host } = await startBetween(t, { to: api })
  const said = await say(host, `GET /tea HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.match(said, /^HTTP\/1\.1 418 Short and stout\r\n/)
  assert.match(said, /set-cookie: a=1\r\nset-cookie: b=2\r\n/)
  assert.doesNotMatch(said, /x-hop/)
  assert.equal(said.slice(said.indexOf('\r\n\r\n') + 4), coded.toString('latin1'))
  const head = await fetch(`${sidecar.address}/tea`, { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.get('content-length')], [418, String(coded.length)])
  assert.deepEqual([(await fetch(`${sidecar.address}/none`)).status, (await fetch(`${sidecar.address}/cached`)).status], [204, 304])
})

test('bodies stream both ways: each side sees the first words before the other has said its last', async (t) => {
  const api = await serve(t, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.writeHead(200)
    outgoing.flushHeaders()
    incoming.pipe(outgoing)
  })
  const { sidecar } = await startBetween(t, { to: api })
  const outgoing = request(`${sidecar.address}/echo`, { method: 'POST' })
  outgoing.flushHeaders()
  outgoing.write('first')
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const chunks = incoming.setEncoding('utf8')[Symbol.asyncIterator]()
  assert.equal((await chunks.next()).value, 'first')
  outgoing.end('last')
  assert.equal((await chunks.next()).value, 'last')
  assert.equal((await chunks.next()).done, true)
})

test('megabytes pass in both directions, with and without a length', async (t) => {
  const api = await serve(t, (incoming: IncomingMessage, outgoing: ServerResponse) => incoming.pipe(outgoing))
  const { sidecar } = await startBetween(t, { to: api })
  const body = Buffer.alloc(5_000_000, 'abcdefgh')
  const measured = await fetch(sidecar.address, { method: 'POST', body })
  assert.ok(body.equals(Buffer.from(await measured.arrayBuffer())))
  const chunked = await fetch(sidecar.address, { method: 'POST', body: new Blob([body]).stream(), duplex: 'half' })
  assert.ok(body.equals(Buffer.from(await chunked.arrayBuffer())))
})

test("a refused token is replaced once where the body can be sent again; another 401 is the API's own", async (t) => {
  const { sidecar, api, provider } = await startBetween(t)
  api.answer = ({ headers, path }) => {
    if (path === '/other') return { status: 401, headers: { 'www-authenticate': 'Bearer error="insufficient_user_authentication"' } }
    return headers.authorization === 'Bearer token-1' ? INVALID_TOKEN : { status: 200 }
  }
  const again = await fetch(`${sidecar.address}/a`, { method: 'POST', body: 'small' })
  assert.deepEqual([again.status, api.seen.map(({ body }) => body), provider.requests.length], [200, ['small', 'small'], 2])
  assert.equal((await fetch(`${sidecar.address}/other`)).status, 401)
  assert.equal(provider.requests.length, 2)
  api.answer = () => INVALID_TOKEN
  const large = await fetch(`${sidecar.address}/b`, { method: 'POST', body: 'x'.repeat(100_000) })
  assert.equal(large.status, 401)
  assert.equal(api.seen.filter(({ path }) => path === '/b').length, 1)
})

test('a redirect within the API leads back through the sidecar, one to elsewhere goes to the caller and is not followed', async (t) => {
  const [{ sidecar, host, api }, other] = [await startBetween(t), await startApi(t)]
  const location = async (to: string): Promise<string | undefined> => {
    api.answer = () => ({ status: 302, headers: { location: to } })
    const said = await say(host, `GET /deep/path HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(statusOf(said), 302)
    return /^location: (.*)$/im.exec(said)?.[1]?.trim()
  }
  assert.equal(await location(`${api.origin}/next?a=1#b`), `${sidecar.address}/next?a=1#b`)
  assert.equal(await location('next'), `${sidecar.address}/deep/next`)
  assert.equal(await location(`${api.origin}//${other.origin.slice(7)}/`), `${sidecar.address}//${other.origin.slice(7)}/`)
  assert.equal(await location(`${other.origin}/there`), `${other.origin}/there`)
  assert.equal(await location('//other.example/there'), 'http://other.example/there')
  assert.equal(other.seen.length, 0)
})

test('what goes wrong is told as JSON with the field sidecar-error, without a secret', async (t) => {
  const { sidecar, provider, api } = await startBetween(t)
  provider.answer = () => new OAuthError('invalid_client', 'the secret our-secret is wrong')
  const refused = await fetch(sidecar.address)
  const text = await refused.text()
  assert.deepEqual(
    [refused.status, refused.headers.get('sidecar-error'), refused.headers.get('cache-control')],
    [502, 'invalid_client', 'no-store'],
  )
  assert.match(text, /invalid_client/)
  assert.doesNotMatch(text, /our-secret/)
  assert.equal(api.seen.length, 0)
  const health = await fetch(`${sidecar.address}/.sidecar/health`)
  assert.deepEqual([health.status, await health.json()], [503, { status: 'no_token', to: api.origin, error: 'invalid_client' }])

  const gone = await startBetween(t, { to: 'http://127.0.0.1:1' })
  const closed = await fetch(gone.sidecar.address)
  assert.deepEqual([closed.status, closed.headers.get('sidecar-error')], [502, 'api_unreachable'])
  const silent = await startBetween(t, { to: await serve(t, () => undefined), timeoutMs: 100 })
  const late = await fetch(silent.sidecar.address)
  assert.deepEqual([late.status, late.headers.get('sidecar-error')], [504, 'api_timeout'])
})

test('an API that breaks off in the middle of an answer is not made to look whole', async (t) => {
  const api = await serve(t, (_: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.writeHead(200, { 'content-length': '10' })
    outgoing.write('half')
    setImmediate(() => outgoing.destroy())
  })
  const { sidecar } = await startBetween(t, { to: api })
  await assert.rejects(fetch(sidecar.address).then((response) => response.text()))
})

test('a caller who goes away takes his request at the API with him', async (t) => {
  let ended: (value: unknown) => void = () => undefined
  const closed = new Promise((resolve) => {
    ended = resolve
  })
  let arrived: (value: unknown) => void = () => undefined
  const came = new Promise((resolve) => {
    arrived = resolve
  })
  const api = await serve(t, (_: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.on('close', ended)
    arrived(undefined)
  })
  const { sidecar } = await startBetween(t, { to: api })
  const caller = new AbortController()
  const call = fetch(sidecar.address, { signal: caller.signal })
  await came
  caller.abort()
  await assert.rejects(call, { name: 'AbortError' })
  await closed
})

test('a caller who breaks off in the middle of a body leaves no request at the API that looks whole', async (t) => {
  const whole: string[] = []
  let ended: (value: unknown) => void = () => undefined
  const closed = new Promise((resolve) => {
    ended = resolve
  })
  let arrived: (value: unknown) => void = () => undefined
  const came = new Promise((resolve) => {
    arrived = resolve
  })
  const api = await serve(t, (incoming: IncomingMessage) => {
    arrived(undefined)
    incoming.on('end', () => whole.push(incoming.url ?? ''))
    incoming.on('error', () => undefined)
    incoming.on('close', ended)
    incoming.resume()
  })
  const { host } = await startBetween(t, { to: api })
  const [name = '', port = ''] = host.split(':')
  const socket = connect(Number(port), name)
  socket.write(`POST /large HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(200_000)}`)
  await came
  socket.destroy()
  await closed
  const small = connect(Number(port), name)
  small.write(`POST /small HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n\r\nhalf`, () => small.destroy())
  await once(small, 'close')
  assert.deepEqual(whole, [])
})

test('an API that answers and hangs up before it has read the body is heard, or told to be away, and the next call works', async (t) => {
  const api = await serve(t, (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (incoming.method === 'GET') outgoing.end('here')
    else outgoing.writeHead(413, { connection: 'close' }).end('too long', () => incoming.socket.destroy())
  })
  const { sidecar } = await startBetween(t, { to: api })
  for (let n = 0; n < 5; n++) {
    const answer = await fetch(sidecar.address, { method: 'POST', body: Buffer.alloc(3_000_000) }).catch(() => undefined)
    assert.ok(answer === undefined || [413, 502].includes(answer.status), String(answer?.status))
    await answer?.body?.cancel()
  }
  assert.equal(await (await fetch(sidecar.address)).text(), 'here')
})

test('a caller who asks first whether to go on is answered by the sidecar', async (t) => {
  const { host, api } = await startBetween(t)
  const [name = '', port = ''] = host.split(':')
  const socket = connect(Number(port), name).setEncoding('latin1')
  socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`)
  const [first] = (await once(socket, 'data')) as [string]
  assert.match(first, /^HTTP\/1\.1 100 /)
  socket.write('body')
  const [second] = (await once(socket, 'data')) as [string]
  assert.deepEqual([statusOf(second), api.seen[0]?.body, api.seen[0]?.headers.expect], [200, 'body', undefined])
  const refused = await say(host, 'POST / HTTP/1.1\r\nHost: evil\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n')
  assert.equal(statusOf(refused), 421)
})

test('health, quota and nothing else are its own, and never reach the API', async (t) => {
  const { sidecar, api, provider } = await startBetween(t)
  const health = await fetch(`${sidecar.address}/.sidecar/health`)
  assert.deepEqual([health.status, await health.json()], [200, { status: 'ok', to: api.origin }])
  assert.equal((await fetch(`${sidecar.address}/.sidecar/quota`)).status, 404)
  provider.answer = () => ({
    status: 200,
    headers: { 'content-type': 'application/json', 'ratelimit-policy': '"tokens";q=1000;w=2592000', ratelimit: '"tokens";r=990;t=86400' },
    body: '{"access_token":"t","token_type":"Bearer","expires_in":300}',
  })
  assert.equal((await fetch(sidecar.address)).status, 200)
  const quota = (await (await fetch(`${sidecar.address}/.sidecar/quota`)).json()) as Record<string, unknown>
  assert.deepEqual([quota['limit'], quota['remaining']], [1000, 990])
  for (const path of ['/.sidecar/token', '/.sidecar/', '/.sidecar/health/', '/.sidecar/health?x', '/.sidecar/../orders']) {
    const said = await say(
      sidecar.address.slice(7),
      `GET ${path} HTTP/1.1\r\nHost: ${sidecar.address.slice(7)}\r\nConnection: close\r\n\r\n`,
    )
    assert.equal(statusOf(said), 404, path)
  }
  assert.equal((await fetch(`${sidecar.address}/.sidecar/health`, { method: 'POST' })).status, 405)
  assert.equal(api.seen.length, 1)
})
