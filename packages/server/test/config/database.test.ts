// Where the state is kept, as it is written: folder or URL, who wins, passwords that stay unseen, TLS by default.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { resolveDatabase } from '../../src/config/database.ts'
import { noFindings, sentence } from '../../src/config/error.ts'
import type { DatabaseSettings } from '../../src/model/database.ts'
import { placeOf } from '../../src/model/database.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-database-'))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'password'), 'from a file\n')
writeFileSync(join(folder, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n')

interface Written {
  readonly flags?: { readonly data?: string; readonly database?: string }
  readonly env?: Readonly<Record<string, string>>
  readonly file?: { readonly data?: string; readonly database?: string }
}

const load = async ({ flags = {}, env = {}, file = {} }: Written) => {
  const findings = noFindings()
  const settings = await resolveDatabase({ realms: [], ...file }, { flags, env, folder, demo: false }, findings)
  return { settings, mistakes: findings.mistakes.map(sentence), warnings: findings.warnings.map(sentence) }
}

const serverOf = async (database: string, env: Readonly<Record<string, string>> = {}) => {
  const { settings, mistakes } = await load({ env: { COUNTERSIGN_DATABASE: database, ...env } })
  assert.deepEqual(mistakes, [])
  assert.ok(settings.kind === 'postgres')
  return settings.server
}

test('nothing said is memory; flags win over the environment, the environment over the file', async () => {
  const kept = async (written: Written): Promise<DatabaseSettings> => (await load(written)).settings
  const [file, env, flags] = [{ data: 'a' }, { COUNTERSIGN_DATABASE: 'postgres://u@127.0.0.1/x' }, { data: 'b' }]
  assert.deepEqual(await kept({}), { kind: 'memory' })
  assert.deepEqual(await kept({ file }), { kind: 'sqlite', folder: join(folder, 'a') })
  assert.equal((await kept({ file, env })).kind, 'postgres')
  assert.deepEqual(await kept({ file, env, flags }), { kind: 'sqlite', folder: resolve('b') })
  assert.deepEqual(await kept({ env: { COUNTERSIGN_DATABASE: '', COUNTERSIGN_DATA: '' } }), { kind: 'memory' })
})

test('a URL says server, database, user, schema and socket', async () => {
  const plain = { password: null, schema: null, tls: { mode: 'disable' } }
  assert.deepEqual(await serverOf('postgres://app@localhost/countersign'), {
    ...plain,
    host: 'localhost',
    port: 5432,
    database: 'countersign',
    user: 'app',
  })
  const six = await serverOf('postgresql://a%40b@[::1]:6000/x?schema=guard')
  assert.deepEqual(
    [six.host, six.port, six.user, six.schema, placeOf(six)],
    ['::1', 6000, 'a@b', 'guard', 'postgres://[::1]:6000/x?schema=guard'],
  )
  const socket = await serverOf('postgres://app@/countersign?host=/run/postgresql')
  assert.deepEqual([socket.host, socket.tls.mode], ['/run/postgresql', 'disable'])
})

test('beyond this machine the server proves who it is unless something else is said', async () => {
  assert.deepEqual((await serverOf('postgres://u@db.example/x')).tls, { mode: 'verify-full', ca: null })
  assert.deepEqual((await serverOf('postgres://u@db.example/x?sslmode=require')).tls, { mode: 'require' })
  const { tls } = await serverOf(`postgres://u@db.example/x?sslmode=verify-ca&sslrootcert=${join(folder, 'ca.pem')}`)
  assert.deepEqual(tls, { mode: 'verify-ca', ca: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n' })
})

test('the password comes from a file, a variable or the URL, and is shown nowhere', async () => {
  assert.equal((await serverOf(`postgres://u@127.0.0.1/x?passwordFile=${join(folder, 'password')}`)).password, 'from a file')
  assert.equal((await serverOf('postgres://u@127.0.0.1/x', { COUNTERSIGN_DATABASE_PASSWORD: 'sesame' })).password, 'sesame')
  const inUrl = await serverOf('postgres://u:open%3Asesame@127.0.0.1/x')
  assert.equal(inUrl.password, 'open:sesame')
  assert.equal(placeOf(inUrl), 'postgres://127.0.0.1:5432/x')
  const typed = await load({ flags: { database: 'postgres://u:sesame@127.0.0.1/x' } })
  assert.match(typed.warnings.join(), /^--database holds a password that everybody sees who lists the processes/)
  const written = await load({ file: { database: 'postgres://u@127.0.0.1/x?passwordFile=password' } })
  assert.deepEqual([written.mistakes, written.settings.kind], [[], 'postgres'])
})

const MISTAKES: readonly (readonly [url: string, mistake: RegExp])[] = [
  ['mysql://u:sesame@h/x', /must be a URL like postgres:/],
  ['postgres://', /must be a URL like postgres:|names no/],
  ['postgres://:sesame@h/x', /names no user/],
  ['postgres://u:sesame@h', /names no database/],
  ['postgres://u:sesame@h:0/x', /must name a port/],
  ['postgres://u:sesame@h/x?ssl=1', /a parameter that is unknown here: it knows host, passwordFile, schema, sslmode, sslrootcert/],
  ['postgres://u:sesame@h/x?schema=a&schema=b', /has schema twice/],
  ['postgres://u:sesame@h/x?schema=A;DROP', /must name a schema/],
  ['postgres://u:sesame@h/x?sslmode=prefer', /sslmode of disable, require, verify-ca or verify-full/],
  ['postgres://u:sesame@h/x?sslmode=require&sslrootcert=a', /nothing is compared with/],
  ['postgres://u:sesame@h/x?sslrootcert=/nowhere/ca.pem', /names \/nowhere\/ca.pem as sslrootcert, which does not exist/],
  ['postgres://u:sesame@h/x?passwordFile=/nowhere/p', /leave one of the two out/],
  ['postgres://u:sesame%00@h/x', /without control characters/],
  ['postgres://u:sesame@h/x#y', /must have no fragment/],
]

for (const [url, mistake] of MISTAKES) {
  test(`a URL that cannot be used is told in one sentence without its password: ${url.replaceAll('sesame', '...')}`, async () => {
    const { mistakes, settings } = await load({ env: { COUNTERSIGN_DATABASE: url } })
    assert.equal(settings.kind, 'memory')
    assert.equal(mistakes.length, 1, mistakes.join('\n'))
    assert.match(mistakes[0] ?? '', /^COUNTERSIGN_DATABASE [^\n]+\.$/)
    assert.match(mistakes[0] ?? '', mistake)
    assert.ok(!(mistakes[0] ?? '').includes('sesame'))
  })
}

test('folder and database in one place exclude each other', async () => {
  const { mistakes } = await load({ flags: { data: 'a', database: 'postgres://u@h/x' } })
  assert.deepEqual(mistakes, ['--database does not go with --data: the state is in one place, so leave one of the two out.'])
})
