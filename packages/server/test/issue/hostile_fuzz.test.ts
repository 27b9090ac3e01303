// Whatever comes, to every endpoint: no answer of 500 or above.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import { requestToken, TOKEN_PATHS } from '../harness/demo.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { FORM, SENTENCE, WEBCOMMANDER, WILLBA } from './hostile.ts'

let server: TestServer
before(async () => {
  server = await startDemo()
})
afterEach(async () => {
  // Whatever was sent, the server goes on.
  assert.equal((await requestToken(server.origin, 'willba')).status, 200)
  assert.deepEqual(server.reports, [])
})
after(() => server.close())

test('whatever bytes come as a body, in whatever type, to whatever endpoint: a refusal in good form', async () => {
  const paths = [
    WILLBA,
    WEBCOMMANDER,
    TOKEN_PATHS.wave,
    `${WILLBA}/introspect`,
    '/realms/wave/oauth/revoke',
    '/realms/wogeez/protocol/openid-connect/logout',
  ]
  const structured = fc
    .array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom('grant_type', 'client_id', 'client_secret', 'scope', 'resource', 'audience', 'token', 'auth_string', 'username'),
          fc.string(),
        ),
        fc.string({ unit: 'binary' }),
      ),
    )
    .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'))
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    structured.map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
  )
  const type = fc.oneof(fc.constantFrom(FORM, 'application/json'), fc.stringMatching(/^[\x21-\x7e]{1,40}$/))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), body, type, async (path, bytes, contentType) => {
      const answer = await sendAs(server.origin + path, {
        method: 'POST',
        headers: { 'content-type': contentType, 'content-length': String(bytes.length) },
        body: bytes,
      })
      assert.ok([400, 401].includes(answer.status), `${answer.status} ${answer.text}`)
      assert.match(String(answer.json['error']), /^(?:invalid_|unsupported_|unauthorized_)[a-z_]+$/)
      assert.match(String(answer.json['error_description']), SENTENCE)
    }),
    { numRuns: 600, plugins: [fc.interruptAfterTimeLimit(4000)] },
  )
})

test('whatever comes as Authorization: 400 or 401, with a Basic challenge exactly if Basic was tried', async () => {
  const value = fc.oneof(
    fc.stringMatching(/^[\x20-\x7e]{1,60}$/),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
    fc.stringMatching(/^[\x21-\x7e]{0,40}$/).map((text) => `basic ${text}`),
  )
  await fc.assert(
    fc.asyncProperty(value, async (authorization) => {
      const answer = await sendAs(server.origin + WILLBA, {
        method: 'POST',
        headers: { 'content-type': FORM, authorization },
        body: 'grant_type=client_credentials',
      })
      assert.ok([400, 401].includes(answer.status), `${answer.status} ${answer.text}`)
      const tried = /^\s*basic(?![!#$%&'*+.^_`|~0-9A-Za-z-])/i.test(authorization)
      assert.equal(String(answer.headers['www-authenticate']).startsWith('Basic '), tried && answer.status === 401, authorization)
    }),
    { numRuns: 400, plugins: [fc.interruptAfterTimeLimit(3000)] },
  )
})

test('whatever lines come over the socket: an answer below 500 or a hang-up', async () => {
  const start = fc.constantFrom(
    `POST ${WILLBA} HTTP/1.1`,
    'GET /realms/willba/.well-known/openid-configuration HTTP/1.1',
    'PUT /apis/willba/x HTTP/1.1',
    'GET / HTTP/1.0',
  )
  const field = fc.oneof(
    fc.constantFrom(
      'Connection: close',
      'Connection: upgrade',
      'Upgrade: h2c',
      'Transfer-Encoding: chunked',
      'Content-Length: 3',
      `Content-Type: ${FORM}`,
      'Expect: 100-continue',
      'Authorization: Basic',
      'Cookie: =',
    ),
    fc.stringMatching(/^[A-Za-z-]{1,20}: [\x20-\x7e\x80-\xff]{0,40}$/),
    fc.string({ maxLength: 40, unit: 'binary' }),
  )
  const seen = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(start, fc.array(field, { maxLength: 6 }), fc.string({ maxLength: 40 }), async (line, fields, body) => {
      // The noise at the end is no request and no chunk: the server hangs up on it at the latest.
      const said = await exchange(
        server.origin,
        `${[line, 'Host: x', 'Connection: close', ...fields].join('\r\n')}\r\n\r\n${body}\0\0\0\r\n\r\n\0 \0\r\n\r\n`,
      )
      for (const status of statuses(said)) {
        assert.ok(status < 500, said)
        seen.set(status, (seen.get(status) ?? 0) + 1)
      }
    }),
    { numRuns: 300, plugins: [fc.interruptAfterTimeLimit(4000)] },
  )
  assert.ok((seen.get(400) ?? 0) > 0 && seen.size > 1, 'the noise reached more than one kind of answer')
})
