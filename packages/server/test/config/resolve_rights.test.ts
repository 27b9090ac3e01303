// What becomes of a client's proofs, of exchange, workloads, plans, reuse, key rotation and audit: defaults, and what is written out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import { loadConfiguration } from '../../src/config/config.ts'
import { unseal } from '../../src/issue/keys/seal.ts'
import type { Client } from '../../src/model/client.ts'
import type { Realm } from '../../src/model/realm.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { SECRET } from './mistake.ts'

const LONG = 'a secret of this test, and long enough'
const MASTER_KEY = '0f'.repeat(32)
const JWK = publicOf(await generatePrivateJwk('ES256'))
const jwks = { keys: [JWK] }

const load = (input: object, env: Record<string, string> = {}) => loadConfiguration({ input, env })
const realmOf = async (changes: object): Promise<Realm | undefined> =>
  (await load({ realms: [{ id: 'shop', clients: [], ...changes }] })).configuration.realms[0]?.realm
const clientOf = async (changes: object, realm: object = {}): Promise<Client | undefined> =>
  (await load({ realms: [{ id: 'shop', ...realm, clients: [{ clientId: 'desk', ...changes }] }] })).configuration.realms[0]?.clients[0]
const methodsOf = async (changes: object): Promise<readonly string[] | undefined> => (await clientOf(changes))?.authMethods

test('a client may use the methods it has something for, and client_secret_jwt only when it says so', async () => {
  assert.deepEqual(await methodsOf({ secret: SECRET }), ['client_secret_basic', 'client_secret_post'])
  assert.deepEqual(await methodsOf({ jwks }), ['private_key_jwt'])
  assert.deepEqual(await methodsOf({ jwksUri: 'https://a.example/jwks' }), ['private_key_jwt'])
  assert.deepEqual(await methodsOf({ secret: SECRET, jwks }), ['client_secret_basic', 'client_secret_post', 'private_key_jwt'])
  assert.deepEqual(await methodsOf({ public: true, grants: ['password'] }), ['none'])
  assert.deepEqual(await methodsOf({ jwks, secret: SECRET, authMethods: ['private_key_jwt', 'client_secret_post'] }), [
    'private_key_jwt',
    'client_secret_post',
  ])
})

test('keys are read when they are written down, and only named where they are elsewhere', async () => {
  const { kid: _, alg: _alg, use: _use, ...bare } = JWK
  assert.deepEqual((await clientOf({ jwks: { keys: [{ ...bare, note: 'ours' }] } }))?.keys, { kind: 'inline', keys: [JWK] })
  const jwksUri = 'http://127.0.0.1:9000/jwks'
  assert.deepEqual((await clientOf({ jwksUri }))?.keys, { kind: 'remote', url: jwksUri })
})

test('for client_secret_jwt the secret is sealed under the master key, for this client alone and alike at every start', async () => {
  const secrets = async (clientId: string) => {
    const input = {
      masterKey: { env: 'KEY' },
      realms: [{ id: 'shop', clients: [{ clientId, secret: { env: 'SECRET' }, authMethods: ['client_secret_jwt'] }] }],
    }
    const { configuration } = await load(input, { KEY: MASTER_KEY, SECRET: LONG })
    assert.ok(!JSON.stringify(configuration).includes(LONG))
    return configuration.realms[0]?.clients[0]?.secrets[0]
  }
  const secret = await secrets('desk')
  assert.deepEqual([secret?.hash, secret?.origin], [secretHash(LONG), 'configuration'])
  const masterKey = Buffer.from(MASTER_KEY, 'hex')
  assert.equal(unseal(secret?.sealed ?? '', masterKey, `client_secret/shop/desk/${secret?.id}`), LONG)
  assert.throws(() => unseal(secret?.sealed ?? '', masterKey, `client_secret/shop/till/${secret?.id}`))
  assert.deepEqual(await secrets('desk'), secret)
  // Not even the nonce is another client's: AES-GCM must never see one twice.
  const nonceOf = (sealed = '') => Buffer.from(sealed.replace('sealed:v1:', ''), 'base64url').subarray(0, 12).toString('hex')
  assert.notEqual(nonceOf((await secrets('till'))?.sealed ?? ''), nonceOf(secret?.sealed ?? ''))
})

test('without client_secret_jwt no secret is kept in any form but its hash', async () => {
  const realms = [{ id: 'shop', clients: [{ clientId: 'desk', secret: { env: 'SECRET' } }] }]
  const { configuration } = await load({ masterKey: { env: 'KEY' }, realms }, { KEY: MASTER_KEY, SECRET: LONG })
  assert.equal(configuration.realms[0]?.clients[0]?.secrets[0]?.sealed, null)
})

test("an exchange that says nothing is for every client's users, and for what the client itself may have", async () => {
  const realm = { scopes: ['read', 'write'], audiences: ['a', 'b'] }
  const own = { secret: SECRET, grants: ['token_exchange'], scopes: ['read'], audiences: ['b'] }
  assert.deepEqual((await clientOf({ ...own, exchanges: [{}] }, realm))?.exchanges, [
    { subjectClients: [], actorScope: null, audiences: ['b'], scopes: ['read'] },
  ])
  const rule = { subjectClients: ['desk'], actorScope: 'write', audiences: ['a'], scopes: [] }
  assert.deepEqual((await clientOf({ ...own, exchanges: [rule] }, realm))?.exchanges, [rule])
})

test('a trusted issuer has its keys below itself and its tokens meant for the realm, unless it is said otherwise', async () => {
  const trustedIssuers = [
    { issuer: 'https://a.example/' },
    { issuer: 'https://b.example/x', jwksUri: 'https://b.example/keys?v=1', audience: 'ours' },
    { issuer: 'http://127.0.0.1:9000' },
  ]
  assert.deepEqual((await realmOf({ trustedIssuers }))?.trustedIssuers, [
    { issuer: 'https://a.example/', jwksUri: 'https://a.example/.well-known/jwks.json', audience: null },
    { issuer: 'https://b.example/x', jwksUri: 'https://b.example/keys?v=1', audience: 'ours' },
    { issuer: 'http://127.0.0.1:9000', jwksUri: 'http://127.0.0.1:9000/.well-known/jwks.json', audience: null },
  ])
})

test('a workload may be a public client, and a star behind an open name is a warning', async () => {
  const issuer = 'https://ci.example'
  const warned = async (subject: string) => {
    const client = { clientId: 'ci', public: true, grants: ['jwt_bearer'], workloads: [{ issuer, subject, claims: { ref: 'main', n: 1 } }] }
    const { configuration, warnings } = await load({ realms: [{ id: 'shop', trustedIssuers: [{ issuer }], clients: [client] }] })
    const { grants, authMethods, workloads } = configuration.realms[0]?.clients[0] ?? {}
    assert.deepEqual([grants, authMethods], [['urn:ietf:params:oauth:grant-type:jwt-bearer'], ['none']])
    assert.deepEqual(workloads, [{ issuer, subject, claims: { ref: 'main', n: 1 } }])
    assert.deepEqual(configuration.realms[0]?.realm.grants, grants)
    return warnings
  }
  for (const subject of ['repo:acme/shop:*', 'repo:acme/*', 'repo:acme/shop:ref:refs/heads/main'])
    assert.deepEqual(await warned(subject), [])
  assert.deepEqual(await warned('repo:acme/shop*'), [
    "realms[0].clients[0].workloads[0].subject fits 'repo:acme/shop-of-somebody-else' too: end the name before the *, as in 'repo:acme/shop:*'.",
  ])
})

test('a rate is by the minute with its limit as the burst, and a plan may be a rate alone', async () => {
  assert.deepEqual((await realmOf({ plan: { rate: { limit: 60 } } }))?.plan, {
    tokens: null,
    rate: { limit: 60, seconds: 60, burst: 60 },
    requests: null,
  })
  const plan = { tokens: { limit: 10 }, rate: { limit: 6, per: '1h', burst: 2 } }
  const client = await clientOf({ secret: SECRET, plan }, { plan: { rate: { limit: 60 } } })
  assert.deepEqual(client?.plan?.rate, { limit: 6, seconds: 3600, burst: 2 })
  assert.equal(client.plan.tokens?.limit, 10)
  assert.deepEqual((await realmOf({ plan: {} }))?.plan, { tokens: null, rate: null, requests: null })
})

test("reuse is off, half of a token's life, or the share that was given; a client's is its realm's unless it has its own", async () => {
  for (const [reuse, share] of [
    [undefined, 'off'],
    [false, 'off'],
    [true, 0.5],
    [0.8, 0.8],
    [1, 1],
  ] as const) {
    assert.deepEqual((await realmOf({ reuse }))?.reuse, { share })
  }
  assert.equal((await clientOf({ secret: SECRET }, { reuse: true }))?.reuse, null)
  assert.deepEqual((await clientOf({ secret: SECRET, reuse: false }, { reuse: true }))?.reuse, { share: 'off' })
})

test('keys rotate every 30 days, as often as is said, or only by command', async () => {
  const rotation = async (keyRotation: object | undefined) => (await realmOf({ keyRotation }))?.keyRotation
  assert.deepEqual(await rotation(undefined), { every: 2_592_000, publishAhead: 86_400 })
  assert.deepEqual(await rotation({ every: '2d' }), { every: 172_800, publishAhead: 86_400 })
  assert.deepEqual(await rotation({ every: '12h', publishAhead: '1h' }), { every: 43_200, publishAhead: 3600 })
  assert.deepEqual(await rotation({ every: false }), { every: null, publishAhead: 86_400 })
})

test('tokens leave rows in the audit where state is kept, unless it is said otherwise', async () => {
  const audit = async (changes: object) => (await load({ realms: [{ id: 'shop', clients: [] }], ...changes })).configuration.audit
  assert.deepEqual(await audit({}), { tokens: false, keepSeconds: 34_560_000 })
  assert.deepEqual(await audit({ data: 'x' }), { tokens: true, keepSeconds: 34_560_000 })
  assert.deepEqual(await audit({ data: 'x', audit: { tokens: false } }), { tokens: false, keepSeconds: 34_560_000 })
  assert.deepEqual(await audit({ audit: { tokens: true, keep: '30d' } }), { tokens: true, keepSeconds: 2_592_000 })
})
