// What becomes of a configuration: defaults, secrets by reference, warnings, files.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { loadConfiguration } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/error.ts'
import { verifyPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-config-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SECRET = 'a secret of this test, and long enough'
const hashed = { hash: secretHash(SECRET) }
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const load = async (input: object, env: Record<string, string> = {}) => await loadConfiguration({ input, env })
const complaint = async (file: string): Promise<string> => {
  const error: unknown = await loadConfiguration({ file }).catch((reason: unknown) => reason)
  assert.ok(error instanceof ConfigError)
  assert.equal(error.lines.length, 1)
  return error.message
}

test('realms with the same dialect document have the same dialect, and others their own', async () => {
  const ours = (token: string) => ({ extends: 'standard', name: 'ours', endpoints: { token: [token] } })
  const { configuration } = await load({
    realms: [
      { id: 'a', clients: [], dialects: [ours('/token')] },
      { id: 'b', clients: [], dialects: [ours('/token')] },
      { id: 'c', clients: [], dialects: [ours('/other')] },
      { id: 'd', clients: [], dialects: [ours('/token')], verbatim: true },
      { id: 'e', clients: [], dialects: [ours('/token')], verbatim: true },
    ],
  })
  const [a, b, c, d, e] = configuration.realms.map(({ realm }) => realm.dialects[0])
  assert.ok(a && c && d)
  assert.equal(a, b)
  assert.equal(d, e)
  assert.deepEqual(
    [a, c, d].map((one) => [one.endpoints.token, one.verbatim]),
    [
      [['/token'], false],
      [['/other'], false],
      [['/token'], true],
    ],
  )
})

test('a mistake in a dialect document is told of each realm that has it', async () => {
  const wrong = { extends: 'standard', name: 'x', token_request: { encodings: ['xml'] } }
  const error: unknown = await load({ realms: ['a', 'b'].map((id) => ({ id, clients: [], dialects: [wrong] })) }).catch(
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError)
  assert.deepEqual(
    error.lines.map((line) => /^realms\[\d\]\.dialects/.exec(line)?.[0]),
    ['realms[0].dialects', 'realms[1].dialects'],
  )
})

test('a realm that says least has these defaults', async () => {
  const { configuration } = await load({
    realms: [{ id: 'shop', scopes: ['read'], audiences: ['orders'], clients: [{ clientId: 'desk', secret: hashed, scopes: ['read'] }] }],
  })
  const setup = configuration.realms[0]
  assert.ok(setup)
  const { dialects, ...realm } = setup.realm
  assert.deepEqual(
    dialects.map((one) => one.name),
    ['standard'],
  )
  assert.deepEqual(realm, {
    id: 'shop',
    displayName: 'shop',
    issuer: 'http://127.0.0.1:8080/realms/shop',
    hosts: [],
    algorithm: 'ES256',
    grants: ['client_credentials'],
    scopes: ['read'],
    audiences: [{ identifier: 'orders', scopes: [] }],
    plan: null,
    reuse: { share: 'off' },
    trustedIssuers: [],
    keyRotation: { every: 2_592_000, publishAhead: 86_400 },
    accessTokenLifetime: 900,
    refreshTokenLifetime: 2_592_000,
  })
  const { secrets, ...client } = setup.clients[0] ?? { secrets: [] }
  assert.deepEqual(
    secrets.map((one) => one.hash),
    [hashed.hash],
  )
  assert.deepEqual(client, {
    realmId: 'shop',
    clientId: 'desk',
    origin: 'configuration',
    displayName: 'desk',
    authMethods: ['client_secret_basic', 'client_secret_post'],
    keys: { kind: 'none' },
    grants: ['client_credentials'],
    scopes: ['read'],
    defaultScopes: ['read'],
    audiences: ['orders'],
    defaultAudience: 'orders',
    tokenFormat: 'jwt',
    accessTokenLifetime: null,
    plan: null,
    reuse: null,
    exchanges: [],
    workloads: [],
    dpop: 'optional',
    introspects: false,
    enabled: true,
  })
})

test('with several audiences none is the default, and a scope of an audience is one of the realm', async () => {
  const { configuration } = await load({
    realms: [
      {
        id: 'shop',
        audiences: ['a', { identifier: 'b', scopes: ['write'] }],
        clients: [{ clientId: 'desk', secret: hashed, scopes: ['write'] }],
      },
    ],
  })
  assert.equal(configuration.realms[0]?.clients[0]?.defaultAudience, null)
  assert.deepEqual(configuration.realms[0]?.realm.scopes, ['write'])
})

test('the same configuration gives the same result at every start', async () => {
  const input = {
    realms: [
      {
        id: 'shop',
        clients: [{ clientId: 'desk', secret: hashed, apiKeys: [{ key: hashed }] }],
        users: [{ username: 'ada', password: { hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}` } }],
      },
    ],
  }
  assert.deepEqual((await load(input)).configuration, (await load(input)).configuration)
})

test('verbatim of a realm is set on each of its dialects', async () => {
  const { configuration } = await load({ realms: [{ id: 'shop', verbatim: true, dialects: ['webcommander', 'keycloak'], clients: [] }] })
  assert.deepEqual(
    configuration.realms[0]?.realm.dialects.map((one) => one.verbatim),
    [true, true],
  )
})

test('a secret comes from the environment or from a file beside the configuration, and only its hash stays', async () => {
  write('secret.txt', `${SECRET}\n`)
  const file = write(
    'secrets.json',
    JSON.stringify({ realms: [{ id: 'shop', clients: [{ clientId: 'desk', secrets: [{ env: 'ONE' }, { file: 'secret.txt' }] }] }] }),
  )
  const { configuration, warnings } = await loadConfiguration({ file, env: { ONE: 'another secret, and long enough' } })
  assert.deepEqual(
    configuration.realms[0]?.clients[0]?.secrets.map((one) => one.hash),
    [secretHash('another secret, and long enough'), hashed.hash],
  )
  assert.deepEqual(warnings, [])
  assert.ok(!JSON.stringify(configuration).includes(SECRET))
})

test('a password by reference is hashed with argon2id', async () => {
  const { configuration } = await load(
    { realms: [{ id: 'shop', clients: [], users: [{ username: 'ada', password: { env: 'ADA' } }] }] },
    { ADA: 'correct horse' },
  )
  const { passwordHash } = configuration.realms[0]?.users[0] ?? {}
  assert.equal(await verifyPassword(passwordHash, 'correct horse'), true)
  assert.equal(await verifyPassword(passwordHash, 'wrong horse'), false)
})

test('a master key is 32 bytes in any of its spellings, and nothing else', async () => {
  const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index))
  const realms = [{ id: 'shop', clients: [] }]
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    const { configuration } = await load({ realms, masterKey: { env: 'KEY' } }, { KEY: bytes.toString(encoding) })
    assert.deepEqual(Buffer.from(configuration.masterKey ?? []), bytes)
  }
  for (const KEY of [bytes.subarray(1).toString('hex'), 'password', `${bytes.toString('base64')}A`]) {
    await assert.rejects(load({ realms, masterKey: { env: 'KEY' } }, { KEY }), /^ConfigError: masterKey must be 32 bytes/)
  }
})

test('what is usable but unwise is a warning', async () => {
  const { warnings } = await load(
    { data: 'x', realms: [{ id: 'shop', clients: [{ clientId: 'desk', secret: { env: 'S' }, grants: ['password'] }] }] },
    { S: 'short' },
  )
  assert.deepEqual(
    warnings.map((line) => line.split(' ', 1)[0]),
    ['realms[0].clients[0].grants', 'realms[0].clients[0].secret', 'masterKey'],
  )
})

test('lifetimes are seconds or a number with its unit', async () => {
  const cases = [
    [90, 90],
    ['90s', 90],
    ['15m', 900],
    ['12h', 43_200],
    ['30d', 2_592_000],
  ] as const
  for (const [accessTokenLifetime, seconds] of cases) {
    const { configuration } = await load({ realms: [{ id: 'shop', accessTokenLifetime, clients: [] }] })
    assert.equal(configuration.realms[0]?.realm.accessTokenLifetime, seconds)
  }
})

test('a TypeScript file loads in a folder without a package, its type import unread', async () => {
  const text =
    "import type { ConfigInput } from '@countersign/server'\nexport default { realms: [{ id: 'shop', clients: [] }] } satisfies ConfigInput\n"
  const { configuration } = await loadConfiguration({ file: write('plain.ts', text) })
  assert.equal(configuration.realms[0]?.realm.id, 'shop')
})

test('a file that cannot be used is one sentence that names it', async () => {
  assert.match(await complaint(join(folder, 'absent.ts')), /absent\.ts does not exist: .*`countersign init`\.$/)
  assert.match(await complaint(folder), /^The configuration file .* is a folder\.$/)
  assert.match(await complaint(write('a.yaml', 'realms:')), /a\.yaml must end in \.json or in one of/)
  assert.match(
    await complaint(write('a.json', '{\n  "realms": "s3cret",,\n}')),
    /a\.json cannot be read at line 2: the text is not valid JSON\.$/,
  )
  assert.match(await complaint(write('b.json', '{"realms":[],"realms":[]}')), /b\.json cannot be read: .* two members of the same name\.$/)
  assert.match(await complaint(write('none.ts', 'export const x = 1\n')), /none\.ts exports no default/)
  assert.match(await complaint(write('throws.ts', "throw new Error('out of paper')\n")), /throws\.ts cannot be loaded: out of paper\.$/)
  assert.match(await complaint(write('enum.ts', 'enum A { b }\nexport default A\n')), /enum\.ts cannot be loaded: .+\.$/)
})

test('whatever comes instead of a configuration is refused with sentences, never with another error', async () => {
  const member = fc.constantFrom(
    'realms',
    'apis',
    'listen',
    'clients',
    'users',
    'secret',
    'dialects',
    'hosts',
    'audiences',
    'id',
    'clientId',
    '__proto__',
  )
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(member, tie('value'), { maxKeys: 5 }),
    ),
  }))
  await fc.assert(
    fc.asyncProperty(value, async (input) => {
      try {
        await load(input as object)
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
        for (const line of error.lines) assert.match(line, /^[^\n]+\.$/)
      }
    }),
    { numRuns: 300 },
  )
})
