// The command table: help, version, hash, and what a wrong line is told. One sentence, exit 2, no stack.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { verifyPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { RunOptions } from './cli.ts'
import { countersign, countersignToFullDisk, NEEDS_FULL_DISK } from './cli.ts'

const refused = async (args: readonly string[], sentence: RegExp, options: RunOptions = {}): Promise<void> => {
  const { code, out, err } = await countersign(args, options)
  assert.deepEqual([code, out], [2, ''], err)
  assert.match(err, sentence)
  assert.match(err, /^[^\n]+\.\n$/)
}

const COMMANDS = [
  'serve',
  'init',
  'client',
  'secret',
  'api-key',
  'key',
  'usage',
  'audit',
  'backup',
  'restore',
  'export',
  'import',
  'hash',
  'version',
]

test('help lists the commands, and each command has its own', async () => {
  for (const args of [[], ['--help']]) {
    const { code, out } = await countersign(args)
    assert.equal(code, 0)
    for (const name of COMMANDS) assert.match(out, new RegExp(`^ {2}${name} `, 'm'))
    assert.match(out, /^Exit codes: 0 [^\n]+, 1 [^\n]+, 2 /m)
  }
  for (const name of COMMANDS) {
    const { code, out } = await countersign([name, '--help'])
    assert.equal(code, 0)
    assert.match(out, new RegExp(`^Usage: countersign ${name}`))
    if (name !== 'version') assert.match(out, new RegExp(`^Examples?:\\n(?:.*\\| )?.*countersign ${name}\\b`, 'm'))
    // Explained once each, in one column.
    const described = [...out.matchAll(/^ {2}--([a-z-]+)(?: \S+)? +\S/gm)].map(([, option]) => option)
    assert.equal(new Set(described).size, described.length, name)
    const columns = [...out.matchAll(/^( {2}--[a-z-]+(?: (?:[A-Z]\S*|a,b))? +)\S/gm)].map(([, lead = '']) => lead.length)
    assert.equal(new Set(columns).size, Math.min(columns.length, 1), `${name}: ${columns.join()}`)
  }
  assert.match((await countersign(['help', 'init'])).out, /^Usage: countersign init/)
})

test("the version is the package's", async () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  for (const name of ['version', '--version', '-v'])
    assert.deepEqual(await countersign([name]), { code: 0, out: `${manifest.version}\n`, err: '' })
})

test('a command or option that is not there is named', async () => {
  await refused(
    ['sevre'],
    /^There is no command 'sevre': the commands are serve, init, client, secret, api-key, key, usage, audit, backup, restore, export, import, hash, version, help\.\n$/,
  )
  await refused(['constructor'], /^There is no command 'constructor'/)
  await refused(['hash', '--sha1'], /^There is no option '--sha1': `countersign hash --help`/)
  await refused(['init', 'here'], /^'here' is a word too many/)
  await refused(['init', '--file'], /^The option '--file' .* needs a value/)
  await refused(['serve', '--demo=1'], /^The option '--demo' .* takes no value/)
})

test('what is to be served is chosen once', async () => {
  await refused(['serve'], /^There is nothing to serve: .*--config FILE .*--demo\.\n$/)
  await refused(['serve', '--demo', '--config', 'x.ts'], /^--config does not go with --demo/)
  await refused(['serve', '--demo'], /^COUNTERSIGN_CONFIG does not go with --demo/, { env: { COUNTERSIGN_CONFIG: 'x.ts' } })
  await refused(['serve', '--config', 'x.ts'], /^--config does not go with --demo/, { env: { COUNTERSIGN_DEMO: '1' } })
  await refused(['serve'], /^COUNTERSIGN_DEMO must be 1 or true, 0 or false\.\n$/, { env: { COUNTERSIGN_DEMO: 'yes' } })
  await refused(['serve'], /absent\.ts does not exist/, { env: { COUNTERSIGN_CONFIG: 'absent.ts', COUNTERSIGN_DEMO: '0' } })
})

test('a database that cannot be reached or understood is one sentence, without its password', async () => {
  await refused(['serve', '--demo', '--database', 'mysql://x:secret@y/z'], /^--database must be a URL like postgres:[^\n]+\.\n$/)
  const env = { COUNTERSIGN_DATABASE: 'postgres://x:secret@127.0.0.1:1/z', COUNTERSIGN_PORT: '0', COUNTERSIGN_MANAGEMENT_PORT: '0' }
  await refused(['serve', '--demo'], /^postgres:\/\/127\.0\.0\.1:1\/z cannot be reached: [^\n]+\.\n$/, { env })
})

test('hash prints the hash of one line of standard input', async () => {
  const secret = 'a secret of this test, and long enough'
  for (const input of [secret, `${secret}\n`, `${secret}\r\n`]) {
    assert.deepEqual(await countersign(['hash'], { input }), { code: 0, out: `${secretHash(secret)}\n`, err: '' })
  }
  const { out } = await countersign(['hash', '--password'], { input: 'short\n' })
  assert.equal(await verifyPassword(out.trim(), 'short'), true)
})

test('hash warns of a short secret and refuses none, several lines and too much', async () => {
  const { code, err } = await countersign(['hash'], { input: 'short' })
  assert.equal(code, 0)
  assert.match(err, /^warning: a secret of fewer than 16 characters/)
  await refused(['hash'], /^Standard input is empty/, { input: '\n' })
  await refused(['hash'], /^The secret has several lines/, { input: 'a\nb\n' })
  await refused(['hash', '--password'], /^The secret has more than 1024 characters/, { input: 'x'.repeat(1025) })
})

test('what standard output has no room for is told, and the end is not 0', NEEDS_FULL_DISK, async () => {
  const sentence = 'Not all could be written to standard output (ENOSPC): what is there is not whole.\n'
  assert.deepEqual(await countersignToFullDisk(['version']), { code: 1, err: sentence })
})
