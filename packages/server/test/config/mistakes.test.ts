// Every mistake a configuration can have, each with its sentence; and several at once. Those of credentials beyond a secret, of exchange,
// workloads, plans and keys are in mistakes_rights.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEMO_PASSWORD_HASHES, DEMO_SECRETS } from '../../src/config/demo.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Part } from './mistake.ts'
import { client, linesOf, one, realm, refuseEach, SECRET, withClient } from './mistake.ts'

const PASSWORD = { hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}` }
const api = (changes: Part = {}): Part => ({ id: 'orders', realm: 'shop', upstream: 'http://127.0.0.1:9000', ...changes })
const withUser = (changes: Part): Part => one({ users: [{ username: 'ada', password: PASSWORD, ...changes }] })
const withApi = (changes: Part): Part => ({ realms: [realm()], apis: [api(changes)] })

const WHOLE_SECONDS = "must be whole seconds or a text like '15m', '12h' or '30d',"
const NOT_ITSELF = "must not be the secret itself: write { env: 'NAME' } or { file: 'PATH' } or { hash: '...' }"

refuseEach([
  ['nothing at all', undefined, 'The configuration is missing.'],
  ['a list', [], 'The configuration must be an object.'],
  ['no realms', {}, 'realms is missing.'],
  ['an empty list of realms', { realms: [] }, 'realms must have an entry'],
  ['a member that is not known', { ...one({}), relms: [] }, 'relms is not known here, where there may be publicUrl, listen, data,'],
  ['a member of a client that is not known', withClient({ grantTypes: [] }), 'realms[0].clients[0].grantTypes is not known here, where'],
  ['a port as text', { ...one({}), listen: { port: '80' } }, 'listen.port must be a number.'],
  ['a port too high', { ...one({}), listen: { port: 65_536 } }, 'listen.port must be a whole number from 0 to 65535.'],
  ['a drain too long', { ...one({}), listen: { drainDelay: 9 } }, 'listen.drainDelay must be seconds from 0 to 5.'],
  [
    'no workers',
    { ...one({}), listen: { workers: 0 } },
    'listen.workers must be a whole number from 1 to 128, or auto for one on each core.',
  ],
  ['workers by a word', { ...one({}), listen: { workers: 'all' } }, 'listen.workers must be a whole number from 1 to 128, or auto for'],
  ['one port for both', { ...one({}), listen: { port: 99, managementPort: 99 } }, 'listen.managementPort is 99 like the public port'],
  ['a host with a port', { ...one({}), listen: { host: '[::1]:80' } }, 'listen.host must be a host name or an IP address'],
  ['no public URL away from loopback', { ...one({}), listen: { host: '0.0.0.0' } }, 'publicUrl is missing: listening on 0.0.0.0 needs'],
  ['a public URL in plain text', { ...one({}), publicUrl: 'http://auth.example' }, 'publicUrl must begin with https://'],
  [
    'a public URL with a path',
    { ...one({}), publicUrl: 'https://auth.example/x' },
    'publicUrl must be an origin alone, like https://auth.example.',
  ],
  ['a public URL that is none', { ...one({}), publicUrl: 'auth.example' }, 'publicUrl must be an origin like https://auth.example.com.'],
  [
    'a master key as text',
    { ...one({}), masterKey: 'x' },
    "masterKey must not be the secret itself: write { env: 'NAME' } or { file: 'PATH' } (",
  ],
  ['a realm id in capitals', one({ id: 'Shop' }), 'realms[0].id must be a name of a-z, 0-9, - and _'],
  ['two realms of one id', { realms: [realm(), realm()] }, "realms[1].id is 'shop' like realms[0].id"],
  ['an issuer in plain text', one({ issuer: 'http://auth.example' }), 'realms[0].issuer must begin with https://'],
  ['an issuer with a query', one({ issuer: 'https://auth.example/?a' }), 'realms[0].issuer must have neither query nor fragment'],
  ['an issuer with a fragment', one({ issuer: 'https://auth.example/#' }), 'realms[0].issuer must have neither query nor fragment'],
  ['an issuer with credentials', one({ issuer: 'https://a:b@auth.example' }), 'realms[0].issuer must hold no credentials.'],
  ['an issuer that is no URL', one({ issuer: 'auth.example' }), 'realms[0].issuer must be an absolute URL'],
  [
    'two realms of one issuer',
    { realms: [realm({ issuer: 'https://a.example' }), realm({ id: 'b', issuer: 'https://a.example' })] },
    "realms[1].issuer is 'https://a.example' like realms[0].issuer",
  ],
  ['a host with a scheme', one({ hosts: ['https://a.example'] }), 'realms[0].hosts[0] must be a host name without scheme, port and slash.'],
  [
    'two realms of one host',
    { realms: [realm({ hosts: ['a.example'] }), realm({ id: 'b', hosts: ['A.EXAMPLE'] })] },
    "realms[1].hosts[0] is 'a.example' like realms[0].hosts[0]: a host name leads to one realm.",
  ],
  ['a dialect nobody knows', one({ dialects: ['okta'] }), 'realms[0].dialects[0] must be one of standard, keycloak, auth0, webcommander.'],
  ['a dialect of a dialect nobody knows', one({ dialects: [{ extends: 'okta' }] }), 'realms[0].dialects[0].extends must be one of'],
  ['no dialect', one({ dialects: [] }), 'realms[0].dialects must have an entry.'],
  ['a dialect that is a number', one({ dialects: [1] }), 'realms[0].dialects[0] must be a text or an object.'],
  [
    'a mistake inside a dialect',
    one({ dialects: [{ extends: 'standard', name: 'x', token_request: { encodings: ['xml'] } }] }),
    'realms[0].dialects[0].token_request.encodings[0] must be one of form, json.',
  ],
  [
    'one dialect twice',
    one({ dialects: ['standard', 'standard'] }),
    "realms[0].dialects[1].name is 'standard' like realms[0].dialects[0].name",
  ],
  [
    'two dialects at one path with two meanings',
    one({ dialects: ['standard', { extends: 'webcommander', name: 'x', endpoints: { token: ['/oauth2/token'] } }] }),
    "realms[0].dialects 'standard' and 'x' both answer /oauth2/token, as token and token",
  ],
  ['an algorithm that is none', one({ algorithm: 'HS256' }), 'realms[0].algorithm must be one of RS256, RS384'],
  ['a scope with a space', one({ scopes: ['a b'] }), 'realms[0].scopes[0] must be a scope value of RFC 6749 section 3.3'],
  ['an audience with a fragment', one({ audiences: ['https://a.example/#x'] }), 'realms[0].audiences[0] must be a URI without a fragment'],
  ['an audience without an identifier', one({ audiences: [{ scopes: [] }] }), 'realms[0].audiences[0].identifier is missing.'],
  ['an audience twice', one({ audiences: ['orders', 'orders'] }), "realms[0].audiences[1] is 'orders' like realms[0].audiences[0]"],
  ['a lifetime too long', one({ accessTokenLifetime: '32d' }), `realms[0].accessTokenLifetime ${WHOLE_SECONDS} at most 31 days.`],
  [
    'a dialect that answers where a client reads its usage',
    one({ dialects: [{ extends: 'standard', name: 'ours', endpoints: { token: ['/usage'] } }] }),
    "realms[0].dialects 'ours' answers /realms/shop/usage as token, where a client reads its usage: give it another path.",
  ],
  [
    'a budget that is no number',
    one({ plan: { tokens: { limit: '1000' } } }),
    'realms[0].plan.tokens.limit must be a whole number from 0 to 1000000000',
  ],
  ['a budget below nothing', one({ plan: { tokens: { limit: -1 } } }), 'realms[0].plan.tokens.limit'],
  [
    'a budget by the week',
    withClient({ plan: { tokens: { limit: 1, per: 'week' } } }),
    'realms[0].clients[0].plan.tokens.per must be one of month, day, hour',
  ],
  [
    'a time zone that nobody has',
    one({ plan: { tokens: { limit: 1, timeZone: 'Europe/Atlantis' } } }),
    'realms[0].plan.tokens.timeZone must be the IANA name of a time zone, like Europe/Lisbon',
  ],
  ['a threshold beyond the whole', one({ plan: { tokens: { limit: 1, warnAt: [101] } } }), 'realms[0].plan.tokens.warnAt[0]'],
  ['a lifetime of nothing', one({ accessTokenLifetime: 0 }), `realms[0].accessTokenLifetime ${WHOLE_SECONDS}`],
  ['a lifetime in weeks', one({ refreshTokenLifetime: '2w' }), `realms[0].refreshTokenLifetime ${WHOLE_SECONDS} at most 10 years.`],
  [
    'two clients of one id',
    one({ clients: [client(), client()] }),
    "realms[0].clients[1].clientId is 'desk' like realms[0].clients[0].clientId",
  ],
  ['a client id with a space', withClient({ clientId: 'a b' }), 'realms[0].clients[0].clientId must be a text of 1 to 128 visible'],
  ['a plain secret', withClient({ secret: 'hunter2' }), `realms[0].clients[0].secret ${NOT_ITSELF} (\`countersign init\``],
  ['a plain secret in a list', withClient({ secret: undefined, secrets: ['hunter2'] }), `realms[0].clients[0].secrets[0] ${NOT_ITSELF}`],
  ['a secret with two sources', withClient({ secret: { env: 'A', file: 'b' } }), "realms[0].clients[0].secret must be { env: 'NAME' } or"],
  [
    'a variable that is not set',
    withClient({ secret: { env: 'NOPE' } }),
    'realms[0].clients[0].secret.env names the environment variable NOPE, which is not set.',
  ],
  ['a variable that cannot be', withClient({ secret: { env: 'A-B' } }), 'realms[0].clients[0].secret must name an environment variable'],
  [
    'a file that is not there',
    withClient({ secret: { file: '/nonexistent/x' } }),
    'realms[0].clients[0].secret.file names /nonexistent/x, which does not exist.',
  ],
  [
    'a hash that is none',
    withClient({ secret: { hash: 'sha256:abc' } }),
    'realms[0].clients[0].secret.hash must be sha256: and a base64url digest',
  ],
  ['a hash of another kind', withClient({ secret: PASSWORD }), 'realms[0].clients[0].secret.hash must be sha256: and a base64url digest'],
  [
    'one secret twice',
    withClient({ secret: undefined, secrets: [SECRET, SECRET] }),
    'realms[0].clients[0].secrets has the same secret twice.',
  ],
  ['secret beside secrets', withClient({ secrets: [SECRET] }), 'realms[0].clients[0] has both secret and secrets'],
  [
    'a secret of the demo',
    withClient({ secret: { hash: secretHash(DEMO_SECRETS.wave) } }),
    'realms[0].clients[0].secret is a secret of the public demo',
  ],
  ['no secret', withClient({ secret: undefined }), 'realms[0].clients[0] needs a secret'],
  ['a public client with a secret', withClient({ public: true, grants: ['password'] }), 'realms[0].clients[0] is public and has a secret'],
  [
    'a public client with client_credentials',
    withClient({ secret: undefined, public: true }),
    'realms[0].clients[0].grants has client_credentials, which RFC 6749 section 4.4 keeps for confidential clients',
  ],
  [
    'none beside another method',
    withClient({ authMethods: ['none', 'client_secret_post'], public: true, secret: undefined, grants: ['password'] }),
    "realms[0].clients[0].authMethods has 'none' beside others",
  ],
  [
    'a method against public',
    withClient({ authMethods: ['client_secret_post'], public: true, secret: undefined, grants: ['password'] }),
    'realms[0].clients[0].authMethods contradicts public',
  ],
  [
    'a grant that is none',
    withClient({ grants: ['implicit'] }),
    'realms[0].clients[0].grants[0] must be one of client_credentials, password, refresh_token',
  ],
  [
    'a grant the realm has not',
    one({ grants: ['password'] }),
    "realms[0].clients[0].grants[0] is 'client_credentials', which is no grant of the realm (password).",
  ],
  [
    'a scope the realm has not',
    withClient({ scopes: ['write'] }),
    "realms[0].clients[0].scopes[0] is 'write', which is no scope of the realm (read).",
  ],
  [
    'a default scope the client has not',
    withClient({ defaultScopes: ['read'] }),
    "realms[0].clients[0].defaultScopes[0] is 'read', which is not among the client's scopes (there are none).",
  ],
  [
    'an audience the realm has not',
    withClient({ audiences: ['x'] }),
    "realms[0].clients[0].audiences[0] is 'x', which is no audience of the realm (orders).",
  ],
  [
    'a default audience the client has not',
    withClient({ defaultAudience: 'x' }),
    "realms[0].clients[0].defaultAudience is 'x', which is not among the client's audiences (orders).",
  ],
  ['an API key as text', withClient({ apiKeys: [{ key: 'x' }] }), `realms[0].clients[0].apiKeys[0].key ${NOT_ITSELF}`],
  ['an API key without a key', withClient({ apiKeys: [{}] }), 'realms[0].clients[0].apiKeys[0].key is missing.'],
  [
    'an API key that ends never',
    withClient({ apiKeys: [{ key: SECRET, expiresAt: 'soon' }] }),
    'realms[0].clients[0].apiKeys[0].expiresAt must be epoch seconds or a date',
  ],
  [
    'one API key of two clients',
    one({ clients: [client({ apiKeys: [{ id: 'a', key: SECRET }] }), client({ clientId: 'till', apiKeys: [{ id: 'b', key: SECRET }] })] }),
    "realms[0].clients have one API key twice, at 'desk' and 'till'",
  ],
  [
    'one API key id twice',
    withClient({
      apiKeys: [
        { id: 'a', key: SECRET },
        { id: 'a', key: { hash: secretHash('another key, long enough too') } },
      ],
    }),
    "realms[0].clients have the API key id 'a' twice",
  ],
  [
    'a user id like a client id',
    withUser({ id: 'desk' }),
    "realms[0].users[0].id is what tokens call the client 'desk' (RFC 9700 section 4.15)",
  ],
  ['a user id like a client of Auth0', withUser({ id: 'desk@clients' }), "realms[0].users[0].id is what tokens call the client 'desk'"],
  [
    'a user name like a service account',
    withUser({ username: 'service-account-desk' }),
    "realms[0].users[0].username is what tokens call the client 'desk'",
  ],
  ['a plain password', withUser({ password: 'hunter2' }), `realms[0].users[0].password ${NOT_ITSELF}`],
  ['a password with a fast hash', withUser({ password: SECRET }), 'realms[0].users[0].password.hash must be an argon2id string'],
  [
    'a password of the demo',
    withUser({ password: { hash: DEMO_PASSWORD_HASHES[0] } }),
    'realms[0].users[0].password is a secret of the public demo',
  ],
  ["a claim that is the server's", withUser({ claims: { sub: 'x' } }), 'realms[0].users[0].claims.sub is set by the server: leave it out.'],
  ['a claim that is no JSON', withUser({ claims: { f: () => 1 } }), 'realms[0].users[0].claims.f must be a JSON value'],
  [
    'two users of one name',
    one({
      users: [
        { username: 'ada', password: PASSWORD },
        { id: 'x', username: 'ada', password: PASSWORD },
      ],
    }),
    "realms[0].users[1].username is 'ada' like",
  ],
  ['an API of no realm', withApi({ realm: 'x' }), "apis[0].realm is 'x', which is none of the realms (shop)."],
  ['an upstream that is no URL', withApi({ upstream: 'localhost:1' }), 'apis[0].upstream must be a URL like http://127.0.0.1:9000.'],
  ['an upstream with credentials', withApi({ upstream: 'http://a:b@x' }), 'apis[0].upstream must hold no credentials.'],
  ['an audience of no realm', withApi({ audience: 'x' }), "apis[0].audience is 'x', which is no audience of the realm (orders)."],
  [
    'no audience to choose',
    { realms: [realm({ audiences: [] })], apis: [api()] },
    "apis[0].audience is missing: the realm 'shop' has none yet",
  ],
  [
    'several audiences to choose from',
    { realms: [realm({ audiences: ['a', 'b'] })], apis: [api()] },
    'apis[0].audience is missing: it must be one of a, b.',
  ],
  [
    'a route scope the realm has not',
    withApi({ routes: [{ path: '/x', scopes: ['write'] }] }),
    "apis[0].routes[0].scopes[0] is 'write', which is no scope",
  ],
  ['a route path with a star inside', withApi({ routes: [{ path: '/a/*/b' }] }), 'apis[0].routes cannot be used: a segment of'],
  [
    'two routes that claim the same',
    withApi({
      routes: [
        { path: '/a', methods: ['GET'] },
        { path: '/a', methods: ['get'] },
      ],
    }),
    'apis[0].routes cannot be used: two routes claim GET',
  ],
  ['a prefix among the realms', withApi({ prefix: '/realms/x' }), 'apis[0].prefix must not begin with /realms'],
  ['a prefix with dots', withApi({ prefix: '/a/..' }), 'apis[0].prefix must be a path like /apis/orders.'],
  ['two APIs of one id', { realms: [realm()], apis: [api(), api({ prefix: '/x' })] }, "apis[1].id is 'orders' like apis[0].id"],
  [
    'two APIs of one prefix',
    { realms: [realm()], apis: [api(), api({ id: 'b', prefix: '/apis/orders' })] },
    "apis[1].prefix is '/apis/orders' like apis[0].prefix",
  ],
  [
    'two APIs of one host',
    { realms: [realm()], apis: [api({ hosts: ['a.b'] }), api({ id: 'b', hosts: ['A.b'] })] },
    "apis[1].hosts[0] is 'a.b' like apis[0].hosts[0]",
  ],
])

test('the configuration that the mistakes are made in has none itself', async () => {
  assert.deepEqual(await linesOf({ realms: [realm({ users: [{ username: 'ada', password: PASSWORD }] })], apis: [api()] }), [])
})

test('several mistakes are several lines, told at once', async () => {
  const lines = await linesOf({ ...one({ issuer: 'x', algorithm: 'none' }), publicUrl: 'y' })
  assert.deepEqual(
    lines.map((line) => line.split(' ', 1)[0]),
    ['publicUrl', 'realms[0].algorithm', 'realms[0].issuer'],
  )
})

test('a plain secret is never repeated to the operator', async () => {
  const lines = await linesOf(one({ clients: [client({ secret: 'hunter2' })], users: [{ username: 'ada', password: 'hunter3' }] }))
  assert.equal(lines.length, 2)
  assert.ok(!lines.join().includes('hunter'))
})

test('an API and a realm may share a host', async () => {
  assert.deepEqual(await linesOf({ realms: [realm({ hosts: ['a.example'] })], apis: [api({ hosts: ['a.example'] })] }), [])
})
