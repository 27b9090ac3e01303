// Malformed bodies, forms and JSON: the RFC's code and one clear sentence. Never 500, never an echo, and the server goes on.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { requestToken } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { assertRefusal, BAD_REQUEST, CANARY, FORM, GOOD, WEBCOMMANDER, WILLBA } from './hostile.ts'

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

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, type = FORM) =>
  send(server.origin + path, { method: 'POST', body, headers: { 'content-type': type } })

const BAD_FORMS: Readonly<Record<string, string>> = {
  'a parameter twice': `${GOOD}&grant_type=client_credentials`,
  'a parameter twice, once empty': `${GOOD}&client_id=`,
  'a parameter twice, once escaped': `${GOOD}&grant%5Ftype=client_credentials`,
  'a broken escape': `${GOOD}&x=%`,
  'an escape that is no UTF-8': `${GOOD}&x=%ff%fe`,
  'an overlong escape': `${GOOD}&x=%c0%80`,
  'an escaped surrogate': `${GOOD}&x=%ed%a0%80`,
  'an escaped NUL': `${GOOD}&x=a%00b`,
  'a NUL': `${GOOD}&x=a\0b`,
  'an escaped line break': `${GOOD}&x=a%0d%0ab`,
  'an escaped DEL': `${GOOD}&x=%7f`,
  'a NUL in a name': `${GOOD}&%00=1`,
  'an empty name': `${GOOD}&=1`,
  'a name as long as a novel': `${GOOD}&${'n'.repeat(300)}=1`,
  'a value as long as a novel': `${GOOD}&x=${CANARY.repeat(1500)}`,
  '101 parameters': Array.from({ length: 101 }, (_, index) => `p${index}=1`).join('&'),
  '10,000 parameters': Array.from({ length: 10_000 }, () => 'a=').join('&'),
}
for (const [what, body] of Object.entries(BAD_FORMS)) {
  test(`a form with ${what} is an invalid_request`, async () => {
    assertRefusal(await post(WILLBA, body.replace('YOUR_CLIENT_SECRET', CANARY)), BAD_REQUEST, what)
  })
}

const BAD_JSON: Readonly<Record<string, string>> = {
  nothing: '',
  'no JSON': CANARY,
  'an unfinished object': `{"grant_type":"${CANARY}`,
  'a trailing comma': `{"grant_type":"${CANARY}",}`,
  'a comment': `{"grant_type":"x"/* ${CANARY} */}`,
  'something behind the object': `{"grant_type":"x"} ${CANARY}`,
  'a member twice': `{"client_id":"${CANARY}","client_id":"b"}`,
  'a member twice, once escaped': `{"client_id":"${CANARY}","client\\u005fid":"b"}`,
  __proto__: `{"__proto__":{"client_id":"${CANARY}"}}`,
  'constructor and prototype': `{"constructor":{"prototype":{"client_id":"${CANARY}"}}}`,
  'an array': `["${CANARY}"]`,
  'null itself': 'null',
  'a string': `"${CANARY}"`,
  'a number too large': '{"client_id":1e999}',
  'an integer too large': '{"client_id":12345678901234567890}',
  'an object for a value': `{"client_id":{"a":"${CANARY}"}}`,
  'a list for a value': `{"client_secret":["${CANARY}"]}`,
  'half of a surrogate pair': `{"client_id":"\\ud800${CANARY}"}`,
  'an escaped NUL': `{"client_id":"\\u0000${CANARY}"}`,
  'a raw line break': `{"client_id":"a\n${CANARY}"}`,
  'a byte order mark': `\ufeff{"client_id":"${CANARY}"}`,
  'arrays a thousand deep': `${'['.repeat(1000)}${']'.repeat(1000)}`,
  'objects ten thousand deep': `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
  'a thousand members': JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`m${index}`, '1']))),
}
for (const [what, body] of Object.entries(BAD_JSON)) {
  test(`a JSON body with ${what} is refused`, async () => {
    const allowed = what === 'nothing' ? { invalid_request: 400, invalid_client: 401 } : BAD_REQUEST
    assertRefusal(await post(WEBCOMMANDER, body, 'application/json'), allowed, what)
  })
}

test('names of Object.prototype are parameters like any other', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    assert.equal((await post(WILLBA, `${GOOD}&${name}=x`)).status, 200, name)
    assertRefusal(
      await post(WILLBA, `grant_type=${name}&client_id=YOUR_CLIENT_ID&client_secret=YOUR_CLIENT_SECRET`),
      { unsupported_grant_type: 400 },
      name,
    )
    assertRefusal(
      await post(WILLBA, `grant_type=client_credentials&client_id=${name}&client_secret=${CANARY}`),
      { invalid_client: 401 },
      name,
    )
  }
})

test('bytes that are no UTF-8 are an invalid_request in either encoding', async () => {
  for (const bytes of [
    [0xff, 0xfe, 0x41],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x1f, 0x8b, 0x08],
  ]) {
    assertRefusal(await post(WILLBA, Uint8Array.from([...Buffer.from(`${GOOD}&x=`), ...bytes])), BAD_REQUEST, 'form')
    assertRefusal(
      await post(WEBCOMMANDER, Uint8Array.from([...Buffer.from('{"client_id":"'), ...bytes, 0x22, 0x7d]), 'application/json'),
      BAD_REQUEST,
      'json',
    )
  }
})

test('a content type that is unknown, broken, missing or doubled is refused, whatever the body', async () => {
  const types = [
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/x-www-form-urlencodedx',
    'application',
    '/',
    ';',
    'a'.repeat(4000),
    'text/plain; charset="',
    '\u00e9/x',
    '*/*',
  ]
  for (const type of types)
    assertRefusal(await post(WILLBA, GOOD.replace('YOUR_CLIENT_SECRET', CANARY), type), BAD_REQUEST, type.slice(0, 40))
  const none = await sendAs(server.origin + WILLBA, {
    method: 'POST',
    headers: ['Host', 'x', 'Content-Length', String(GOOD.length)],
    body: GOOD,
  })
  assertRefusal(none, BAD_REQUEST, 'none')
  const twice = await sendAs(server.origin + WILLBA, {
    method: 'POST',
    headers: ['Host', 'x', 'Content-Type', FORM, 'Content-Type', 'application/json', 'Content-Length', String(GOOD.length)],
    body: GOOD,
  })
  assertRefusal(twice, BAD_REQUEST, 'two')
})

test('a content type in any case and with parameters is the same content type', async () => {
  for (const type of [`${FORM}; charset=UTF-8`, FORM.toUpperCase(), `${FORM};`, `${FORM} ; q=1`])
    assert.equal((await post(WILLBA, GOOD, type)).status, 200, type)
})
