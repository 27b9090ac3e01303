// init: the file it writes is served as it is, holds hashes only, and its credentials work.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { apiKeyIdOf, checkCredential } from '@countersign/protocol/oauth/credential'
import { loadConfiguration } from '../../src/config/config.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic, postForm } from '../harness/http.ts'
import { spawnServer } from '../harness/server.ts'
import { countersign, folder } from './cli.ts'

const shown = (out: string): { secret: string; key: string } => {
  const [secret, key] = [/ (cs_secret_\S+)\n/.exec(out)?.[1], / (cs_key_\S+)\n/.exec(out)?.[1]]
  assert.ok(secret !== undefined && key !== undefined, out)
  assert.deepEqual([secret, key].map(checkCredential), ['ok', 'ok'])
  return { secret, key }
}

for (const name of ['countersign.config.ts', 'first.mts', 'first.mjs', 'first.js', 'first.json']) {
  test(`init writes ${name} with the hashes of the credentials it shows once`, async () => {
    const cwd = folder()
    const { code, out, err } = await countersign(name === 'countersign.config.ts' ? ['init'] : ['init', '--file', name], { cwd })
    assert.deepEqual([code, err], [0, ''])
    const { secret, key } = shown(out)
    assert.match(out, new RegExp(`^ {2}.*serve --config ${name.replaceAll('.', '\\.')}\\n {2}curl http`, 'm'))
    const file = join(cwd, name)
    const text = readFileSync(file, 'utf8')
    assert.ok(!text.includes('cs_'))
    const { configuration, warnings } = await loadConfiguration({ file })
    const [setup] = configuration.realms
    assert.deepEqual(
      setup?.clients[0]?.secrets.map((one) => one.hash),
      [secretHash(secret)],
    )
    assert.deepEqual(
      setup.apiKeys.map((one) => [one.id, one.hash]),
      [[apiKeyIdOf(key), secretHash(key)]],
    )
    assert.deepEqual(warnings, [])
  })
}

test("where npm runs the program, the line to start it with is npm's", async () => {
  const { out } = await countersign(['init'], { cwd: folder(), env: { npm_lifecycle_event: 'countersign' } })
  assert.match(out, /^ {2}npm run countersign -- serve --config countersign\.config\.ts$/m)
})

test('the file that init writes is served, and its client gets a token', { timeout: 60_000 }, async () => {
  const cwd = folder()
  const { secret } = shown((await countersign(['init'], { cwd })).out)
  const server = await spawnServer(['--config', join(cwd, 'countersign.config.ts')])
  try {
    const answer = await postForm(
      `${server.origin}/realms/main/oauth2/token`,
      { grant_type: 'client_credentials' },
      basic('first-client', secret),
    )
    assert.deepEqual([answer.status, answer.json['scope'], answer.json['expires_in']], [200, 'read', 900], answer.text)
  } finally {
    await server.kill()
  }
})

test('every line that the commented starter offers can be taken in', async () => {
  const cwd = folder()
  await countersign(['init'], { cwd })
  const file = join(cwd, 'countersign.config.ts')
  const uncommented = readFileSync(file, 'utf8').replaceAll(
    /^( *)\/\/ ((?:publicUrl|data|masterKey|plan|reuse|routes| {2}\w+):|\},$)/gm,
    '$1$2',
  )
  writeFileSync(join(cwd, 'all.ts'), uncommented)
  const { configuration } = await loadConfiguration({ file: join(cwd, 'all.ts'), env: { COUNTERSIGN_MASTER_KEY: '0f'.repeat(32) } })
  assert.equal(configuration.listen.publicUrl, 'https://auth.example.com')
  assert.deepEqual(configuration.database, { kind: 'sqlite', folder: join(cwd, 'data') })
  assert.equal(configuration.masterKey?.length, 32)
  assert.equal(configuration.realms[0]?.realm.plan?.tokens?.limit, 1000)
  assert.deepEqual(configuration.realms[0].realm.plan.rate, { limit: 60, seconds: 60, burst: 100 })
  assert.deepEqual(
    configuration.realms[0].realm.plan.requests?.volumes.map(({ limit }) => limit),
    [100_000],
  )
  assert.deepEqual(configuration.realms[0].realm.reuse, { share: 0.5 })
  assert.equal(configuration.apis[0]?.routes.length, 2)
})

test('init does not replace a file unless told to, and makes other credentials each time', async () => {
  const cwd = folder()
  const file = join(cwd, 'countersign.config.ts')
  const first = shown((await countersign(['init'], { cwd })).out)
  const before = readFileSync(file, 'utf8')
  const again = await countersign(['init'], { cwd })
  assert.deepEqual([again.code, again.out], [2, ''])
  assert.match(again.err, /^The file countersign\.config\.ts is there already: .* --force\.\n$/)
  assert.equal(readFileSync(file, 'utf8'), before)
  const forced = await countersign(['init', '--force'], { cwd })
  assert.equal(forced.code, 0)
  assert.notDeepEqual(shown(forced.out), first)
  assert.notEqual(readFileSync(file, 'utf8'), before)
})

test('init names a file it cannot write', async () => {
  const cwd = folder()
  for (const [name, sentence] of [
    ['a.yaml', /^The file a\.yaml must end in \.ts, \.mts, \.js, \.mjs, \.json/],
    ['none/a.ts', /^The file none\/a\.ts cannot be written \(ENOENT\)/],
  ] as const) {
    const { code, err } = await countersign(['init', '--file', name], { cwd })
    assert.equal(code, 2)
    assert.match(err, sentence)
  }
})
