// An assertion is good for one request: in a row, at once, at another endpoint and after a restart. RFC 7523 section 3, item 7.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'
import { temporaryFolder } from '../process/program.ts'
import type { Signed } from './assertions.ts'
import { assertionConfig, CC, carried, claimsOf, ENV, makeKeys, NOW, SHARED, sign, startSigned } from './assertions.ts'

let server: Signed
let now = NOW
before(async () => {
  server = await startSigned(() => now)
})
after(async () => {
  await server.close()
  assert.deepEqual([server.reports, server.notices], [[], []])
})

const USED = /used before: make one for each request/

test('a second use is refused and told, by key and by secret', async () => {
  for (const assertion of [await server.make(), await server.hmac('hmac')]) {
    assert.equal((await server.ask(assertion)).status, 200)
    const again = await server.ask(assertion)
    assertRefused(again, 401, 'invalid_client')
    assert.match(String(again.json['error_description']), USED)
  }
})

test('a second use at another endpoint is refused too', async () => {
  const assertion = await server.make()
  const token = String((await server.ask(assertion)).json['access_token'])
  for (const endpoint of ['introspect', 'revoke'] as const)
    assertRefused(await postForm(server.url(endpoint), { token, ...carried(assertion) }), 401, 'invalid_client')
})

test('a new assertion with a used jti is refused, and another client may use the same jti', async () => {
  const claims = { jti: 'everybody counts from one' }
  assert.equal((await server.ask(await server.make({ client: 'signer-0', claims }))).status, 200)
  const again = await server.ask(await server.make({ client: 'signer-0', claims: { ...claims, exp: now + 3600 } }))
  assert.match(String(again.json['error_description']), USED)
  assert.equal((await server.ask(await server.make({ client: 'signer-1', claims }))).status, 200)
})

test('who cannot sign cannot use up a jti, and neither does an assertion that is refused for another reason', async () => {
  const claims = { jti: 'wanted' }
  const { stranger } = server.keys
  assertRefused(await server.ask(await server.make({ client: 'signer-2', claims, key: stranger.privateKey })), 401, 'invalid_client')
  assertRefused(await server.ask(await server.make({ client: 'signer-2', claims: { ...claims, aud: 'x' } })), 401, 'invalid_client')
  assert.equal((await server.ask(await server.make({ client: 'signer-2', claims }))).status, 200)
})

test('of twenty uses at once exactly one gets a token', async () => {
  for (const assertion of [await server.make({ client: 'signer-3' }), await server.hmac('hmac-3')]) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.ask(assertion)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const { status } of answers) assert.ok(status === 200 || status === 401 || status === 429, String(status))
  }
})

test('by the time a jti may be forgotten its assertion has expired', async () => {
  const assertion = await server.make({ client: 'signer-4', claims: { exp: NOW + 60 } })
  assert.equal((await server.ask(assertion)).status, 200)
  for (const later of [69, 70, 120, 121, 3600]) {
    now = NOW + later
    const answer = await server.ask(assertion)
    assertRefused(answer, 401, 'invalid_client')
    assert.match(String(answer.json['error_description']), later < 70 ? USED : /expired/)
  }
  now = NOW
})

test('a use before a restart is remembered after it', async () => {
  const keys = await makeKeys()
  const input = assertionConfig(keys, server.keyServer.url, temporaryFolder())
  const byKey = await sign(claimsOf('signer', NOW), { alg: 'ES256' }, keys.es.privateKey)
  const bySecret = await sign(claimsOf('hmac', NOW), { alg: 'HS256' }, SHARED)
  for (const expected of [200, 401]) {
    const one = await startConfigured(input, ENV, () => NOW)
    for (const assertion of [byKey, bySecret]) {
      const answer = await postForm(`${one.origin}/realms/signed/oauth2/token`, { ...CC, ...carried(assertion) })
      assert.equal(answer.status, expected, answer.text)
    }
    await one.close()
    assert.deepEqual(one.reports, [])
  }
})
