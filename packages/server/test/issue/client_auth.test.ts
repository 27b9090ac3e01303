// Client authentication: every method, alone and mixed. RFC 6749 sections 2.3 and 5.2.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeCredential } from '@countersign/protocol/oauth/credential'
import { basic, postForm, send } from '../harness/http.ts'
import { assertRefused } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { PASSWORD, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const CC = { grant_type: 'client_credentials' }
const ADA = { grant_type: 'password', username: 'ada', password: PASSWORD }
const post = (body: Record<string, string>, headers: Record<string, string> = {}) => postForm(server.tokenUrl, body, headers)
const raw = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })

test('Basic and post are both accepted', async () => {
  assert.equal((await post(CC, basic('shop', secretOf('shop')))).status, 200)
  assert.equal((await post({ ...CC, client_id: 'shop', client_secret: secretOf('shop') })).status, 200)
})

test('the scheme of Basic is read in any case', async () => {
  for (const scheme of ['basic', 'BASIC', 'bAsIc']) {
    const { authorization = '' } = basic('shop', secretOf('shop'))
    assert.equal((await post(CC, { authorization: authorization.replace('Basic', scheme) })).status, 200)
  }
})

test('Basic credentials with every special character are read form-encoded', async () => {
  assert.equal((await post(CC, basic('odd:%+&=', 'odd:% +&=/?"\\~'))).status, 200)
  // Percent-encoded throughout is the same text.
  const percent = (text: string) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  assert.equal((await post(CC, raw(`${percent('odd:%+&=')}:${percent('odd:% +&=/?"\\~')}`))).status, 200)
})

test('the same special characters in a form body work too', async () => {
  assert.equal((await post({ ...CC, client_id: 'odd:%+&=', client_secret: 'odd:% +&=/?"\\~' })).status, 200)
})

test('the same client_id in Basic and in the body is one method, not two', async () => {
  assert.equal((await post({ ...CC, client_id: 'shop' }, basic('shop', secretOf('shop')))).status, 200)
})

test('either of two live secrets opens while they rotate', async () => {
  for (const secret of ['the old secret of rotating', 'the new secret of rotating'])
    assert.equal((await post(CC, basic('rotating', secret))).status, 200)
  assertRefused(await post(CC, basic('rotating', 'the next secret of rotating')), 401, 'invalid_client')
})

test('a public client may put itself into Basic with an empty secret, or into the body', async () => {
  assert.equal((await post(ADA, raw('phone:'))).status, 200)
  assert.equal((await post({ ...ADA, client_id: 'phone' })).status, 200)
  assert.equal((await post({ ...ADA, client_id: 'phone', client_secret: '' })).status, 200)
})

test('another scheme in Authorization is no client authentication, and does not disturb one', async () => {
  const body = { ...CC, client_id: 'shop', client_secret: secretOf('shop') }
  assert.equal((await post(body, { authorization: 'Bearer abc' })).status, 200)
  assertRefused(await post(CC, { authorization: 'Bearer abc' }), 401, 'invalid_client')
})

test('two methods at once are refused, even when both are right', async () => {
  const headers = basic('shop', secretOf('shop'))
  assertRefused(await post({ ...CC, client_id: 'shop', client_secret: secretOf('shop') }, headers), 400, 'invalid_request')
  assertRefused(await post({ ...CC, client_secret: secretOf('shop') }, headers), 400, 'invalid_request')
  assertRefused(await post({ ...CC, client_id: 'shop', client_secret: secretOf('shop') }, raw('shop:')), 400, 'invalid_request')
})

test("another client's id beside Basic is refused", async () => {
  assertRefused(await post({ ...CC, client_id: 'plain' }, basic('shop', secretOf('shop'))), 400, 'invalid_request')
})

test('a secret without a client_id is an invalid_request', async () => {
  assertRefused(await post({ ...CC, client_secret: secretOf('shop') }), 400, 'invalid_request')
})

test('JSON is no encoding of the standard dialect', async () => {
  const answer = await send(server.tokenUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...CC, client_id: 'shop', client_secret: secretOf('shop') }),
  })
  assertRefused(answer, 400, 'invalid_request')
  assert.match(String(answer.json['error_description']), /x-www-form-urlencoded/)
})

test('a wrong secret, an unknown client and a method the client may not use are told in the same words', async () => {
  const answers = [
    await post({ ...CC, client_id: 'shop', client_secret: 'wrong' }),
    await post({ ...CC, client_id: 'nobody', client_secret: 'wrong' }),
    await post({ ...CC, client_id: '__proto__', client_secret: 'wrong' }),
    await post({ ...CC, client_id: 'basic-only', client_secret: secretOf('basic-only') }),
    await post({ ...CC, client_id: 'shop' }),
    await post({ ...ADA, client_id: 'phone', client_secret: 'guessed' }),
  ]
  for (const answer of answers) {
    assertRefused(answer, 401, 'invalid_client')
    assert.deepEqual(answer.json, answers[0]?.json)
    assert.equal(answer.headers.get('www-authenticate'), null, 'a challenge is for those who tried Basic')
  }
})

test('who tried Basic is answered with a Basic challenge', async () => {
  const tries = [
    basic('shop', 'wrong'),
    basic('nobody', 'wrong'),
    basic('post-only', secretOf('post-only')),
    raw('shop:'),
    raw('phone:guessed'),
    raw('no colon'),
    raw(':no client'),
    raw('shop:\u0000'),
    { authorization: 'Basic' },
    { authorization: 'Basic !!!' },
    { authorization: 'Basic /w==' },
    { authorization: `Basic ${'A'.repeat(9000)}` },
  ]
  for (const headers of tries) {
    const answer = await post(CC, headers)
    assertRefused(answer, 401, 'invalid_client')
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic realm="[a-z]+", charset="UTF-8"$/, headers.authorization)
  }
})

test('one of our own secrets that was mistyped or cut short is told as that, whoever it is for, however often', async () => {
  const whole = makeCredential('secret', Buffer.alloc(32, 'x'))
  assertRefused(await post(CC, basic('damaged', whole)), 401, 'invalid_client')
  for (const damaged of [whole.slice(0, -1), `${whole}x`, whole.replace('cs_secret_e', 'cs_secret_f')]) {
    for (const client of ['shop', 'nobody'].flatMap((id) => Array.from({ length: 10 }, () => id))) {
      const answer = await post({ ...CC, client_id: client, client_secret: damaged })
      assertRefused(answer, 401, 'invalid_client')
      assert.match(String(answer.json['error_description']), /mistyped or cut short \(its checksum does not match\)/)
    }
  }
})

test('a wrong secret again and again is told to slow down, and the right one passes in between', async () => {
  for (const client of ['narrow', 'no-such-client']) {
    let answer = await post(CC, basic(client, 'wrong'))
    for (let tries = 1; tries < 50 && answer.status === 401; tries += 1) answer = await post(CC, basic(client, 'wrong'))
    assertRefused(answer, 429, 'slow_down')
    assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    assert.equal(answer.headers.get('www-authenticate'), null)
  }
  assert.equal((await post(CC, basic('narrow', secretOf('narrow')))).status, 200)
})

test('a probe without a secret, and the right secret by the wrong method, are no attempts that count', async () => {
  for (let tries = 0; tries < 60; tries += 1) {
    assertRefused(await post(CC, raw('post-only:')), 401, 'invalid_client')
    assertRefused(await post(CC, basic('post-only', secretOf('post-only'))), 401, 'invalid_client')
    assertRefused(await post({ ...CC, client_id: 'post-only' }), 401, 'invalid_client')
  }
})

test('nothing at all is an invalid_client without a challenge', async () => {
  const answer = await post(CC)
  assertRefused(answer, 401, 'invalid_client')
  assert.equal(answer.headers.get('www-authenticate'), null)
})

test('credentials in the URL are refused at every endpoint that takes them, and not echoed', async () => {
  const query = new URLSearchParams({ ...CC, client_id: 'shop', client_secret: secretOf('shop') })
  for (const endpoint of ['token', 'introspect', 'revoke']) {
    const answer = await send(`${server.url(endpoint)}?${query.toString()}`, { method: 'POST', body: new URLSearchParams(CC) })
    assertRefused(answer, 400, 'invalid_request')
    assert.ok(!answer.text.includes('secret of shop'))
  }
})
