// Mistakes in how clients prove themselves, whose tokens they may use, how much they may have, and when keys change.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import { makeCredential } from '@countersign/protocol/oauth/credential'
import type { Part } from './mistake.ts'
import { client, linesOf, one, realm, refuseEach, SECRET, withClient } from './mistake.ts'

const PRIVATE = await generatePrivateJwk('ES256')
const JWK = publicOf(PRIVATE)
const LONG = 'a secret of this test, and long enough'
const KEY = { masterKey: { env: 'KEY' } }
const env = { KEY: '0f'.repeat(32), SECRET: LONG, SHORT: 'of 31 bytes, which is one short' }
const OURS = makeCredential('secret', new Uint8Array(32).fill(7))

const CI = 'https://ci.example'
const keyed = (changes: Part = {}): Part => withClient({ secret: undefined, jwks: { keys: [JWK] }, ...changes })
const withKey = (key: unknown): Part => keyed({ jwks: { keys: [key] } })
const sealing = (changes: Part = {}): Part => ({
  ...withClient({ secret: { env: 'SECRET' }, authMethods: ['client_secret_jwt'], ...changes }),
  ...KEY,
})
const ci = (changes: Part): Part => ({ clientId: 'ci', public: true, grants: ['jwt_bearer'], ...changes })
const withWorkload = (changes: Part = {}): Part =>
  one({ trustedIssuers: [{ issuer: CI }], clients: [ci({ workloads: [{ issuer: CI, subject: 'repo:acme/shop:*', ...changes }] })] })
const withExchange = (changes: Part = {}): Part => withClient({ grants: ['token_exchange'], exchanges: [changes] })
const withTrusted = (...trustedIssuers: readonly Part[]): Part => one({ trustedIssuers })

const METHODS = 'realms[0].clients[0].authMethods'
const FIRST_KEY = 'realms[0].clients[0].jwks.keys[0]'
const RULE = 'realms[0].clients[0].exchanges[0]'
const WORKLOAD = 'realms[0].clients[0].workloads[0]'
const TRUSTED = 'realms[0].trustedIssuers[0]'

refuseEach([
  // Methods and what they need.
  ['a method nobody knows', withClient({ authMethods: ['tls_client_auth'] }), `${METHODS}[0] must be one of client_secret_basic,`],
  ['no secret, no keys and no word of being public', withClient({ secret: undefined }), 'realms[0].clients[0] needs a secret ({ env:'],
  ['an assertion without keys', withClient({ authMethods: ['private_key_jwt'] }), `${METHODS} has 'private_key_jwt', which needs the`],
  [
    'a secret method without a secret',
    keyed({ authMethods: ['client_secret_post'] }),
    `${METHODS} has 'client_secret_post', which needs a s`,
  ],
  [
    'keys that no method uses',
    keyed({ secret: SECRET, authMethods: ['client_secret_basic'] }),
    `${METHODS} has no method for the client's k`,
  ],
  [
    'a secret that no method uses',
    keyed({ secret: SECRET, authMethods: ['private_key_jwt'] }),
    `${METHODS} has no method for the client's s`,
  ],
  ['a public client with keys', keyed({ public: true, grants: ['password'] }), 'realms[0].clients[0] is public and has keys'],
  // Keys.
  ['keys in two places', keyed({ jwksUri: 'https://a.example/jwks' }), 'realms[0].clients[0] has both jwks and jwksUri'],
  ['no keys in a set', keyed({ jwks: { keys: [] } }), 'realms[0].clients[0].jwks.keys must have an entry.'],
  ['keys without their set', keyed({ jwks: [JWK] }), 'realms[0].clients[0].jwks must be an object.'],
  ['more keys than 20', keyed({ jwks: { keys: Array(21).fill(JWK) } }), 'realms[0].clients[0].jwks.keys must have at most 20 entries.'],
  ['a key that is none', withKey('AAAA'), `${FIRST_KEY} cannot be used: the key is not a JSON object.`],
  ['a private key', withKey(PRIVATE), `${FIRST_KEY} holds the private member 'd': it is known`],
  ['a shared key', withKey({ kty: 'oct', k: 'AAAA' }), `${FIRST_KEY} holds the private member 'k': it is known`],
  ['a key for encryption', withKey({ ...JWK, use: 'enc' }), `${FIRST_KEY} cannot be used: the key is not for signatures.`],
  ['a key of another curve', withKey({ ...JWK, crv: 'secp256k1' }), `${FIRST_KEY} cannot be used: the `],
  ['one key twice', keyed({ jwks: { keys: [JWK, JWK] } }), `realms[0].clients[0].jwks.keys[1].kid is '${JWK.kid}' like ${FIRST_KEY}.kid`],
  [
    'keys at a plain URL',
    keyed({ jwks: undefined, jwksUri: 'http://a.example/jwks' }),
    'realms[0].clients[0].jwksUri must begin with https:// (http:// is for loopback only).',
  ],
  [
    'keys behind credentials',
    keyed({ jwks: undefined, jwksUri: 'https://a:b@c.example/' }),
    'realms[0].clients[0].jwksUri must hold no credentials.',
  ],
  // Secrets that are needed readable.
  ['client_secret_jwt and a hash', sealing({ secret: SECRET }), 'realms[0].clients[0].secret is a hash, but client_secret_jwt needs', env],
  [
    'client_secret_jwt and a short secret',
    sealing({ secret: { env: 'SHORT' } }),
    'realms[0].clients[0].secret has fewer than 32 bytes',
    env,
  ],
  ['client_secret_jwt and no master key', { ...sealing(), masterKey: undefined }, `${METHODS} has 'client_secret_jwt', for which the`, env],
  ['client_secret_jwt and a master key that is none', sealing(), 'masterKey must be 32 bytes', { ...env, KEY: 'x' }],
  [
    'a secret of ours that lost its end',
    withClient({ secret: { env: 'SECRET' } }),
    'realms[0].clients[0].secret is mistyped or cut short (its checksum does not match)',
    { SECRET: OURS.slice(0, -1) },
  ],
  // Exchange.
  ['token_exchange without exchanges', withClient({ grants: ['token_exchange'] }), 'realms[0].clients[0].grants has token_exchange, which'],
  ['exchanges without token_exchange', withClient({ exchanges: [{}] }), 'realms[0].clients[0].exchanges apply to the grant token_exchange'],
  [
    'exchange by a public client',
    withClient({ secret: undefined, public: true, grants: ['token_exchange'], exchanges: [{}] }),
    'realms[0].clients[0].grants has token_exchange, by which a public client would renew any stolen token',
  ],
  ['an exchange for nobody', withExchange({ subjectClients: [] }), `${RULE}.subjectClients must have an entry; leave it out for every`],
  [
    'an exchange for a client there is not',
    withExchange({ subjectClients: ['desk', 'app'] }),
    `${RULE}.subjectClients[1] is 'app', which is no client of the realm (desk).`,
  ],
  ['an actor with a scope there is not', withExchange({ actorScope: 'X' }), `${RULE}.actorScope is 'X', which is no scope of the realm`],
  ['an exchange for an audience there is not', withExchange({ audiences: ['x'] }), `${RULE}.audiences[0] is 'x', which is no audience of`],
  [
    'an exchange for a scope there is not',
    withExchange({ scopes: ['x'] }),
    `${RULE}.scopes[0] is 'x', which is no scope of the realm (read).`,
  ],
  [
    'an exchange of a word unknown',
    withExchange({ subject: 'x' }),
    `${RULE}.subject is not known here, where there may be subjectClients,`,
  ],
  // Workloads and the issuers they come from.
  ['jwt_bearer without workloads', one({ clients: [ci({})] }), 'realms[0].clients[0].grants has jwt_bearer, which allows nothing'],
  [
    'workloads without jwt_bearer',
    one({ trustedIssuers: [{ issuer: CI }], clients: [client({ workloads: [{ issuer: CI, subject: 'x' }] })] }),
    'realms[0].clients[0].workloads apply to the grant jwt_bearer alone',
  ],
  [
    'a workload of an issuer nobody trusts',
    withWorkload({ issuer: 'https://x.example' }),
    `${WORKLOAD}.issuer is 'https://x.example', which`,
  ],
  ['a workload that is everybody', withWorkload({ subject: '*' }), `${WORKLOAD}.subject is * alone, which is everybody`],
  ['a workload with a star inside', withWorkload({ subject: 'repo:*:main' }), `${WORKLOAD}.subject has a * before its end`],
  ['a workload with two stars', withWorkload({ subject: 'repo:**' }), `${WORKLOAD}.subject has a * before its end`],
  ['a workload without a subject', withWorkload({ subject: undefined }), `${WORKLOAD}.subject is missing.`],
  [
    'a claim that is a list',
    withWorkload({ claims: { ref: ['main'] } }),
    `${WORKLOAD}.claims.ref must be a text or a number or true or false.`,
  ],
  ['an issuer trusted in plain text', withTrusted({ issuer: 'http://ci.example' }), `${TRUSTED}.issuer must begin with https:// (http://`],
  [
    'an issuer trusted twice',
    withTrusted({ issuer: CI }, { issuer: CI }),
    `realms[0].trustedIssuers[1].issuer is '${CI}' like ${TRUSTED}.issuer`,
  ],
  ['its own issuer trusted', withTrusted({ issuer: 'http://127.0.0.1:8080/realms/shop' }), `${TRUSTED}.issuer is the realm's own`],
  [
    'keys of an issuer in plain text',
    withTrusted({ issuer: CI, jwksUri: 'http://ci.example/' }),
    `${TRUSTED}.jwksUri must begin with https://`,
  ],
  // Plans, reuse, rotation, audit.
  ['a rate of nothing', one({ plan: { rate: { limit: 0 } } }), 'realms[0].plan.rate.limit must be a whole number from 1 to 1000000.'],
  ['a rate in halves', one({ plan: { rate: { limit: 1.5 } } }), 'realms[0].plan.rate.limit must be a whole number from 1 to 1000000.'],
  [
    'a rate by the month',
    one({ plan: { rate: { limit: 1, per: '30d' } } }),
    'realms[0].plan.rate.per must be whole seconds or a text like',
  ],
  ['a burst of nothing', withClient({ plan: { rate: { limit: 1, burst: 0 } } }), 'realms[0].clients[0].plan.rate.burst must be a whole'],
  ['reuse beyond the whole', one({ reuse: 1.1 }), 'realms[0].reuse must be true, false or the share of its life a token must still have'],
  ['reuse of nothing', withClient({ reuse: 0 }), 'realms[0].clients[0].reuse must be true, false or the share'],
  ['reuse as text', one({ reuse: '0.5' }), 'realms[0].reuse must be true, false or the share'],
  ['keys that never rest', one({ keyRotation: { every: 59 } }), 'realms[0].keyRotation.every must be false, whole seconds or a text'],
  [
    'keys published at once',
    one({ keyRotation: { publishAhead: 0 } }),
    'realms[0].keyRotation.publishAhead must be whole seconds or a text',
  ],
  [
    'keys that verifiers have no time to fetch',
    one({ keyRotation: { publishAhead: '5m' } }),
    'realms[0].keyRotation.publishAhead must be at least 10 minutes',
  ],
  [
    'keys published before the last one signs',
    one({ keyRotation: { every: '2d', publishAhead: '2d' } }),
    'realms[0].keyRotation.publishAhead must be shorter than every',
  ],
  [
    'keys that change faster than they are published by default',
    one({ keyRotation: { every: '12h' } }),
    'realms[0].keyRotation.publishAhead is 1d when it is not given, and must be shorter than every',
  ],
  [
    'a proof of a key that is asked for otherwise',
    withClient({ dpop: true }),
    'realms[0].clients[0].dpop must be one of optional, required.',
  ],
  ['an audit of a word', { ...one({}), audit: 'yes' }, 'audit must be an object.'],
  ['an audit for no time', { ...one({}), audit: { keep: 0 } }, 'audit.keep must be whole seconds or a text like'],
])

test('the configurations that these mistakes are made in have none themselves', async () => {
  const good = [keyed(), keyed({ jwks: undefined, jwksUri: 'https://a.example/jwks' }), sealing(), withExchange(), withWorkload()]
  for (const input of [...good, withTrusted({ issuer: CI })]) assert.deepEqual(await linesOf(input, env), [])
  assert.deepEqual(await linesOf(withClient({ secret: { env: 'SECRET' } }), { SECRET: OURS }), [])
})

test('a private key is never repeated to the operator', async () => {
  const lines = await linesOf({ realms: [realm({ clients: [client({ secret: undefined, jwks: { keys: [PRIVATE] } })] })] })
  assert.equal(lines.length, 1)
  assert.ok('d' in PRIVATE && !lines.join().includes(PRIVATE.d))
})

test('the names of exchange and jwt-bearer on the wire are understood too, and told as the short ones', async () => {
  const grants = ['urn:ietf:params:oauth:grant-type:token-exchange']
  assert.deepEqual(await linesOf(withClient({ grants, exchanges: [{}] })), [])
  const lines = await linesOf(one({ grants: ['jwt_bearer'], clients: [client({ grants, exchanges: [{}] })] }))
  assert.deepEqual(lines, ["realms[0].clients[0].grants[0] is 'token_exchange', which is no grant of the realm (jwt_bearer)."])
})
