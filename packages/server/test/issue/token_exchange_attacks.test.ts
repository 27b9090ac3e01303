// Token exchange by those who hold what they should not: no stolen, dead, foreign or made-up token becomes more than it was. RFC 8693 section 5.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Store } from '../../src/model/store.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import { assertRefused } from '../harness/verify.ts'
import type { Brokers } from './brokers.ts'
import { ACCESS_TOKEN, GRANT, startBrokers, TYPE } from './brokers.ts'
import { secretOf } from './orders.ts'

let server: Brokers
before(async () => {
  server = await startBrokers()
})
after(async () => {
  await server.close()
  assert.deepEqual(server.reports, [])
})

const byActor = async (): Promise<Record<string, string>> => ({
  actor_token: await server.serviceToken('broker', 'exchange'),
  actor_token_type: ACCESS_TOKEN,
})

test('only a live access token of a user of this realm can be exchanged', async () => {
  const { access_token: subject = '', refresh_token = '' } = await server.signIn()
  const [header, payload, signature = ''] = subject.split('.')
  const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
  const stranger = await generateKeyPair('ES256')
  const claims = JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as Record<string, unknown>
  const forged = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' }).sign(stranger.privateKey)
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`
  const revoked = await server.userToken()
  assert.equal((await postForm(server.url('revoke'), { token: revoked, client_id: 'app' })).status, 200)
  const impostors = {
    'a refresh token': refresh_token,
    'a revoked token': revoked,
    'a token of a realm that is like this one': await server.userToken({ realm: 'twin' }),
    'an opaque token of that realm': await server.userToken({ client: 'app-reference', realm: 'twin' }),
    'a changed signature': `${header}.${payload}.${flipped}`,
    'a token signed by somebody else': forged,
    'an unsigned token': unsigned,
    'a service token': await server.serviceToken('plain'),
    'a service token of its own': await server.serviceToken('broker'),
    'an API key': 'cs_key_x',
    nonsense: '..',
    'no ASCII': '\u{1f4a5}',
  }
  for (const [what, token] of Object.entries(impostors)) {
    const answer = await server.exchange(token, await byActor())
    assert.deepEqual([answer.status, answer.json['error']], [400, 'invalid_request'], what)
    for (const client of ['relay', 'two-rules']) assertRefused(await server.exchange(token, {}, client), 400, 'invalid_request')
  }
})

test('a token that says who may act for its user is exchanged by nobody else', async () => {
  const subject_token = await server.userToken({ realm: 'delegating' })
  const ask = (client: string) =>
    postForm(
      server.url('token', 'delegating'),
      { grant_type: GRANT, subject_token, subject_token_type: ACCESS_TOKEN },
      basic(client, secretOf(client)),
    )
  assert.equal((await ask('broker')).status, 200)
  assertRefused(await ask('relay'), 400, 'invalid_request')
})

test('an expired token cannot be exchanged', async () => {
  const subject = await server.userToken()
  server.pass(899)
  assert.equal((await server.exchange(subject)).status, 200)
  server.pass(1)
  assertRefused(await server.exchange(subject), 400, 'invalid_request')
})

test('a token that is bound to a key cannot be exchanged for one that is not', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const proof = await new SignJWT({ htm: 'POST', htu: server.url('token'), iat: server.now(), jti: 'proof-1' })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
    .sign(privateKey)
  const bound = await server.signIn({ headers: { dpop: proof } })
  assert.equal(bound['token_type'], 'DPoP')
  assertRefused(await server.exchange(bound['access_token'] ?? ''), 400, 'invalid_request')
})

test('a token of a client that no rule names cannot be exchanged', async () => {
  assertRefused(await server.exchange(await server.userToken({ client: 'stranger' })), 400, 'invalid_request')
  assertRefused(await server.exchange(await server.exchanged(await server.userToken(), {}, 'relay')), 400, 'invalid_request')
})

test('the actor token must be the client’s own, in its own name, alive, with the scope that the rule wants', async () => {
  const subject = await server.userToken()
  const actor = (token: string, type = ACCESS_TOKEN) => server.exchange(subject, { actor_token: token, actor_token_type: type })
  for (const token of [
    await server.serviceToken('undecided', 'exchange'),
    await server.serviceToken('broker', 'read'),
    await server.exchanged(subject),
    subject,
    'x',
    '..',
  ])
    assertRefused(await actor(token), 400, 'invalid_request')
  assertRefused(await actor(await server.serviceToken('broker', 'exchange'), `${TYPE}id_token`), 400, 'invalid_request')
  const own = { actor_token: await server.userToken({ client: 'mixed', scope: 'exchange' }), actor_token_type: ACCESS_TOKEN }
  assertRefused(await server.exchange(subject, own, 'mixed'), 400, 'invalid_request')
  assert.equal((await server.exchange(subject, {}, 'mixed')).status, 200)
  const old = await server.serviceToken('broker', 'exchange')
  assert.equal((await actor(old)).status, 200)
  assert.equal((await postForm(server.url('revoke'), { token: old }, basic('broker', secretOf('broker')))).status, 200)
  assertRefused(await actor(old), 400, 'invalid_request')
})

test('a client without the scope that its rule wants may not exchange', async () => {
  assertRefused(await server.exchange(await server.userToken(), {}, 'unscoped'), 400, 'unauthorized_client')
})

test('a client without the right may not exchange', async () => {
  assertRefused(await server.exchange(await server.userToken(), {}, 'plain'), 400, 'unauthorized_client')
})

test('a stolen token is no use to those who cannot prove to be a client with the right', async () => {
  const stolen = await server.userToken()
  const request = { grant_type: GRANT, subject_token: stolen, subject_token_type: ACCESS_TOKEN }
  assertRefused(await postForm(server.url('token'), request), 401, 'invalid_client')
  assertRefused(await postForm(server.url('token'), { ...request, client_id: 'broker' }), 401, 'invalid_client')
  assertRefused(await postForm(server.url('token'), request, basic('broker', 'guessed')), 401, 'invalid_client')
  assertRefused(await postForm(server.url('token'), request, { authorization: `Bearer ${stolen}` }), 401, 'invalid_client')
  assertRefused(await postForm(server.url('token'), { ...request, client_id: 'app' }), 400, 'unauthorized_client')
})

/** A server of its own on a folder, and a second connection to its database, as a command has it. */
async function withStore(act: (kept: Brokers, store: Store) => Promise<void>): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'countersign-exchange-'))
  const kept = await startBrokers(data)
  const store = sqlStore(await openSqlite({ file: join(data, 'countersign.db') }))
  try {
    await act(kept, store)
  } finally {
    await store.close()
    await kept.close()
    await rm(data, { recursive: true })
  }
}
const ACT = { at: 1_800_000_000, by: 'command test' }

test('the token of a user who was shut out or removed cannot be exchanged', async () => {
  await withStore(async (kept, store) => {
    const token = await kept.userToken({ user: 'bob' })
    assert.equal((await kept.exchange(token)).status, 200)
    const bob = await store.users.find('orders', 'user-bob')
    assert.ok(bob)
    await store.users.put({ ...bob, enabled: false }, ACT)
    assertRefused(await kept.exchange(token), 400, 'invalid_request')
    await store.users.put(bob, ACT)
    assert.equal((await kept.exchange(token)).status, 200)
    await store.users.remove('orders', 'user-bob', ACT)
    assertRefused(await kept.exchange(token), 400, 'invalid_request')
  })
})

/** Another process's change of a client shows when the store's revision is asked next: until then the old answer is right. */
async function once400(ask: () => Promise<Answer>): Promise<Answer> {
  let answer = await ask()
  for (let round = 0; answer.status === 200 && round < 200; round++) {
    await pause(25)
    answer = await ask()
  }
  return answer
}

test('the token of a client that was shut out cannot be exchanged', async () => {
  await withStore(async (kept, store) => {
    const token = await kept.userToken()
    const app = await store.clients.find('orders', 'app')
    assert.ok(app)
    await store.clients.put({ ...app, enabled: false }, ACT)
    assertRefused(await once400(() => kept.exchange(token)), 400, 'invalid_request')
  })
})

test('a scope that was taken from the client since counts no more, although its actor token has it', async () => {
  await withStore(async (kept, store) => {
    const subject = await kept.userToken()
    const { json } = await postForm(kept.url('token'), { grant_type: 'client_credentials' }, basic('broker', secretOf('broker')))
    const actor = { actor_token: String(json['access_token']), actor_token_type: ACCESS_TOKEN }
    assert.equal((await kept.exchange(subject, actor)).status, 200)
    const broker = await store.clients.find('orders', 'broker')
    assert.ok(broker)
    await store.clients.put({ ...broker, scopes: ['read'] }, ACT)
    assertRefused(await once400(() => kept.exchange(subject, actor)), 400, 'invalid_request')
  })
})

test('a public client, or one without rules, exchanges nothing even if it was given the grant', async () => {
  await withStore(async (kept, store) => {
    const broker = await store.clients.find('orders', 'broker')
    assert.ok(broker)
    await store.clients.put({ ...broker, clientId: 'open', authMethods: ['none'], secrets: [] }, ACT)
    await store.clients.put({ ...broker, clientId: 'ruleless', exchanges: [] }, ACT)
    const subject = { grant_type: GRANT, subject_token: await kept.userToken(), subject_token_type: ACCESS_TOKEN }
    const at = kept.url('token')
    assertRefused(await postForm(at, { ...subject, client_id: 'open' }), 400, 'unauthorized_client')
    assertRefused(await postForm(at, subject, basic('ruleless', secretOf('broker'))), 400, 'unauthorized_client')
  })
})

test('a service token stands for no user, although one is named like it', async () => {
  await withStore(async (kept, store) => {
    const ada = await store.users.find('orders', 'user-ada')
    assert.ok(ada)
    // No configuration may name a user so, but a client made later may be named like a user.
    await store.users.put({ ...ada, id: 'plain', username: 'plain' }, ACT)
    await store.users.put({ ...ada, realmId: 'wave', id: 'plain@clients', username: 'plain' }, ACT)
    for (const [realm, path] of [
      ['orders', 'oauth2/token'],
      ['wave', 'oauth/token'],
    ]) {
      const at = `${kept.origin}/realms/${realm}/${path}`
      const { json } = await postForm(at, { grant_type: 'client_credentials' }, basic('plain', secretOf('plain')))
      const subject = { grant_type: GRANT, subject_token: String(json['access_token']), subject_token_type: ACCESS_TOKEN }
      assertRefused(await postForm(at, subject, basic('relay', secretOf('relay'))), 400, 'invalid_request')
    }
  })
})

test('no answer repeats anything of the tokens', async () => {
  const subject = await server.userToken({ client: 'stranger' })
  const { text } = await server.exchange(subject, { actor_token: 'tell-tale', actor_token_type: 'tell-tale' })
  for (const part of [...subject.split('.'), 'tell-tale', createHash('sha256').update(subject).digest('base64url')])
    assert.equal(text.includes(part), false)
})
