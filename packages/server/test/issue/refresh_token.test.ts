// grant_type=refresh_token: rotation, families, and their death. RFC 6749 section 6, RFC 9700 section 4.14.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import { exchange, statuses } from '../harness/raw.ts'
import { assertRefused, assertUncached } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, FILES, ISSUER_PATH, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const refreshed = (client: string, refresh: string, more: Record<string, string> = {}) =>
  server.token(client, { grant_type: 'refresh_token', refresh_token: refresh, ...more })

/** A refresh as bytes, so that several can leave at once. */
function wire(refresh: string, last: boolean): string {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh }).toString()
  const fields = [
    'Host: x',
    `Authorization: ${basic('legacy', secretOf('legacy'))['authorization']}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    ...(last ? ['Connection: close'] : []),
  ]
  return `POST ${ISSUER_PATH}/oauth2/token HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`
}

for (const client of ['legacy', 'phone', 'legacy-reference']) {
  test(`${client}: a refresh token gives a new pair, and each pair opens the API`, async () => {
    const first = await server.signIn(client)
    const answer = await refreshed(client, first.refresh)
    assert.equal(answer.status, 200)
    assertUncached(answer.headers)
    assert.notEqual(answer.json['refresh_token'], first.refresh)
    assert.equal(await server.callApi(String(answer.json['access_token'])), 200)
    const again = await refreshed(client, String(answer.json['refresh_token']))
    assert.equal(again.status, 200)
  })

  test(`${client}: a token used twice kills the newest refresh token and every access token of its family, at once`, async () => {
    const first = await server.signIn(client)
    const second = (await refreshed(client, first.refresh)).json
    const third = (await refreshed(client, String(second['refresh_token']))).json
    const accesses = [first.access, String(second['access_token']), String(third['access_token'])]
    // Verified and remembered by the guard before the replay: a cache must not keep them alive.
    for (const access of accesses) assert.equal(await server.callApi(access), 200)
    assertRefused(await refreshed(client, first.refresh), 400, 'invalid_grant')
    assertRefused(await refreshed(client, String(third['refresh_token'])), 400, 'invalid_grant')
    for (const access of accesses) {
      assert.equal(await server.callApi(access), 401)
      assert.deepEqual(await server.introspect(access), { active: false })
    }
    assert.deepEqual(await server.introspect(String(third['refresh_token'])), { active: false })
  })
}

test('a family that dies takes no other family of the same user and client with it', async () => {
  const [doomed, other] = [await server.signIn('legacy'), await server.signIn('legacy')]
  await refreshed('legacy', doomed.refresh)
  await refreshed('legacy', doomed.refresh)
  assert.equal(await server.callApi(doomed.access), 401)
  assert.equal(await server.callApi(other.access), 200)
  assert.equal((await refreshed('legacy', other.refresh)).status, 200)
})

test('of 2 or 20 uses of one refresh token at once over as many connections at most one succeeds, and the family is dead after', async () => {
  for (const uses of [2, 2, 2, 2, 2, 2, 20, 20, 20]) {
    const first = await server.signIn('legacy')
    const request = wire(first.refresh, true)
    const said = await Promise.all(Array.from({ length: uses }, () => exchange(server.origin, request)))
    const given = said.filter((one) => statuses(one)[0] === 200)
    assert.ok(given.length <= 1, `${given.length} of ${uses} succeeded`)
    assert.ok(said.every((one) => [200, 400].includes(statuses(one)[0] ?? 0)))
    const winner = given[0] === undefined ? {} : JSON.parse(given[0].slice(given[0].indexOf('\r\n\r\n')))
    for (const access of [first.access, winner.access_token].filter(Boolean)) {
      assert.deepEqual(await server.introspect(access), { active: false })
      assert.equal(await server.callApi(access), 401)
    }
    for (const refresh of [first.refresh, winner.refresh_token].filter(Boolean))
      assertRefused(await refreshed('legacy', refresh), 400, 'invalid_grant')
  }
})

test('two uses in one breath, which meet in the middle of the rotation, are a replay all the same', async () => {
  for (let round = 0; round < 5; round++) {
    const { access, refresh } = await server.signIn('legacy')
    const said = await exchange(server.origin, wire(refresh, false) + wire(refresh, true))
    assert.deepEqual(
      statuses(said).toSorted((one, other) => one - other),
      [200, 400],
    )
    const next = /"access_token":"([^"]+)"/.exec(said)?.[1] ?? ''
    for (const one of [access, next]) {
      assert.equal(await server.callApi(one), 401)
      assert.deepEqual(await server.introspect(one), { active: false })
    }
  }
})

test('the scope can be narrowed, and the next refresh has the whole of it again', async () => {
  const { refresh } = await server.signIn('legacy', 'read write')
  const narrow = await refreshed('legacy', refresh, { scope: 'read' })
  assert.deepEqual([narrow.status, narrow.json['scope']], [200, 'read'])
  assert.equal(await server.callApi(String(narrow.json['access_token']), '/orders', 'POST'), 403)
  const whole = await refreshed('legacy', String(narrow.json['refresh_token']))
  assert.equal(whole.json['scope'], 'read write')
  assert.equal(await server.callApi(String(whole.json['access_token']), '/orders', 'POST'), 200)
})

test('the scope never widens beyond the first grant, and asking for more does not use the token up', async () => {
  const { refresh } = await server.signIn('legacy', 'read')
  assertRefused(await refreshed('legacy', refresh, { scope: 'read write' }), 400, 'invalid_scope')
  assertRefused(await refreshed('legacy', refresh, { scope: 'admin' }), 400, 'invalid_scope')
  const answer = await refreshed('legacy', refresh)
  assert.deepEqual([answer.status, answer.json['scope']], [200, 'read'])
})

test('neither does the audience', async () => {
  const { refresh } = await server.signIn('legacy')
  assertRefused(await refreshed('legacy', refresh, { audience: FILES }), 400, 'invalid_target')
  assertRefused(await refreshed('legacy', refresh, { resource: FILES }), 400, 'invalid_target')
  assert.equal((await refreshed('legacy', refresh, { resource: API })).status, 200)
})

test("another client's refresh token is an invalid_grant, and is not harmed by the attempt", async () => {
  const { refresh, access } = await server.signIn('legacy')
  assertRefused(await refreshed('legacy-2', refresh), 400, 'invalid_grant')
  assertRefused(await refreshed('phone', refresh), 400, 'invalid_grant')
  assert.equal(await server.callApi(access), 200)
  assert.equal((await refreshed('legacy', refresh)).status, 200)
})

test("a used token in another client's hands does not kill its family either", async () => {
  const first = await server.signIn('legacy')
  const next = (await refreshed('legacy', first.refresh)).json
  assertRefused(await refreshed('legacy-2', first.refresh), 400, 'invalid_grant')
  assert.equal((await refreshed('legacy', String(next['refresh_token']))).status, 200)
})

test('a revoked refresh token is an invalid_grant', async () => {
  const { refresh } = await server.signIn('legacy')
  await postForm(server.url('revoke'), { token: refresh }, basic('legacy', secretOf('legacy')))
  assertRefused(await refreshed('legacy', refresh), 400, 'invalid_grant')
})

test('access tokens, unknown tokens and garbage are no refresh tokens', async () => {
  const { access } = await server.signIn('legacy')
  for (const token of [access, 'cs_refresh_unknown', 'x', 'a.b.c', '%00', '\u{1f4a5}'])
    assertRefused(await refreshed('legacy', token), 400, 'invalid_grant')
})

test('a missing refresh_token is an invalid_request', async () => {
  assertRefused(await server.token('legacy', { grant_type: 'refresh_token' }), 400, 'invalid_request')
})

test('a client without the refresh grant is an unauthorized_client', async () => {
  assertRefused(await refreshed('legacy-once', 'cs_refresh_x'), 400, 'unauthorized_client')
})

test('a confidential client must authenticate to refresh', async () => {
  const { refresh } = await server.signIn('legacy')
  assertRefused(
    await postForm(server.tokenUrl, { grant_type: 'refresh_token', refresh_token: refresh, client_id: 'legacy' }),
    401,
    'invalid_client',
  )
})
