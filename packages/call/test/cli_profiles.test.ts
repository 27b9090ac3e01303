// Profiles, and the places where secrets are: what is kept, with which rights, and what no child and no sentence ever shows.
import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { callsign } from './callsign_process.ts'
import { installKeychain } from './cli_keychain.ts'
import { command, homeOf } from './cli_world.ts'
import { startProvider } from './fake_provider.ts'

const fileOf = (home: string): string => join(home, '.config', 'countersign', 'callsign.json')

/** A login with the secret on standard input, to be kept in the keychain. */
const keptInKeychain = (tokenUrl: string, profile: string): string[] => [
  'login',
  `--token-url=${tokenUrl}`,
  '--client-id=ours',
  '--client-secret-file=-',
  '--store=keychain',
  `--profile=${profile}`,
]

test('a profile is added, listed, shown, used and removed, in a file that only its owner reads', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const run = (...args: string[]) => command(args, { home, env: { OURS: 'from-variable' } })
  const added = await run('profiles', 'add', 'one', '--token-url', provider.tokenUrl, '--client-id', 'ours', '--client-secret-env', 'OURS')
  assert.deepEqual([added.code, added.err], [0, ''])
  assert.equal((await run('profiles', 'add', 'two', '--preset', 'willba', '--demo')).code, 0)
  assert.equal((await stat(fileOf(home))).mode & 0o777, 0o600)
  assert.equal((await stat(join(home, '.config', 'countersign'))).mode & 0o777, 0o700)
  assert.match((await run('profiles')).out, /^\* one +http:\S+ as ours\n {2}two +willba \(demo\)\n$/)
  assert.equal((await run('token')).out, 'token-1\n')
  assert.deepEqual(provider.requests[0]?.basic, { clientId: 'ours', clientSecret: 'from-variable' })
  assert.deepEqual(JSON.parse((await run('profiles', 'show', 'one')).out), {
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientSecret: { env: 'OURS' },
  })
  await run('profiles', 'use', 'two')
  assert.match((await run('profiles', 'list', '--json')).out, /"name": "two",\s+"current": true/)
  assert.equal((await run('token', '--profile', 'one')).out, 'token-1\n')
  assert.equal((await command(['token'], { home, env: { OURS: 'from-variable', CALLSIGN_PROFILE: 'one' } })).out, 'token-1\n')
  assert.equal((await run('profiles', 'remove', 'one')).code, 0)
  assert.match((await run('token', '--profile', 'one')).err, /no profile 'one' \(there are two\)/)
})

test('two profiles added at once leave a file that can be read', async (t) => {
  const home = await homeOf(t)
  await Promise.all(['a', 'b', 'c'].map((name) => command(['profiles', 'add', name, '--preset', 'willba'], { home })))
  const file = JSON.parse(await readFile(fileOf(home), 'utf8')) as { profiles: object }
  assert.ok(Object.keys(file.profiles).length >= 1)
})

test('a profiles file that holds a secret, a slip, or is open to others is refused', async (t) => {
  const home = await homeOf(t)
  await mkdir(join(home, '.config', 'countersign'), { recursive: true })
  const cases: [unknown, RegExp][] = [
    [{ clientSecret: 'hunter2' }, /must say where the secret is, and never hold it/],
    [{ clientSecret: { literal: 'hunter2' } }, /must say where the secret is/],
    [{ client_secret: 'hunter2' }, /has a member 'client_secret' that no profile has/],
    [{ grant: 'implicit' }, /must be one of client_credentials/],
    [{ password: { command: 'op read' } }, /must be a list of texts/],
  ]
  for (const [profile, sentence] of cases) {
    await writeFile(fileOf(home), JSON.stringify({ version: 1, profiles: { one: profile } }), { mode: 0o600 })
    const { code, err } = await command(['token', '--profile', 'one'], { home })
    assert.equal(code, 2)
    assert.match(err, sentence)
    assert.doesNotMatch(err, /hunter2/)
  }
  await chmod(fileOf(home), 0o666)
  assert.match((await command(['profiles'], { home })).err, /Others can write the profiles file/)
  await writeFile(fileOf(home), '{')
  await chmod(fileOf(home), 0o600)
  assert.match((await command(['profiles'], { home })).err, /is not JSON/)
})

test('with a profile the credentials of the environment are not sent to its provider', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const env = { CALLSIGN_CLIENT_ID: 'stranger', CALLSIGN_CLIENT_SECRET: 'strange-secret', OURS: 'ours' }
  await command(['profiles', 'add', 'one', '--token-url', provider.tokenUrl, '--client-id', 'ours', '--client-secret-env', 'OURS'], {
    home,
  })
  await command(['token'], { home, env })
  assert.deepEqual(provider.requests[0]?.basic, { clientId: 'ours', clientSecret: 'ours' })
})

test('a profile cannot be mixed with another provider', async (t) => {
  const { code, err } = await command(['token', '--profile', 'one', '--issuer', 'https://other.example'], { home: await homeOf(t) })
  assert.equal(code, 2)
  assert.match(err, /leave out --issuer, or --profile/)
})

test('a secret comes from a variable, a file, a command or the keychain', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const { bin, entries } = await installKeychain(t)
  await writeFile(join(home, 'secret'), 'from-file\n')
  await entries.set('work/us', 'from-keychain')
  const places: [string, string, string][] = [
    ['env', 'ELSEWHERE', 'from-variable'],
    ['file', join(home, 'secret'), 'from-file'],
    ['command', 'echo from-command', 'from-command'],
    ['command', '["printf", "%s", "with spaces; $(not run)"]', 'with spaces; $(not run)'],
    ['keychain', 'work/us', 'from-keychain'],
  ]
  const env = { ELSEWHERE: 'from-variable', PATH: `${bin}:${process.env['PATH']}` }
  for (const [kind, place, secret] of places) {
    const args = ['token', '--no-cache', '--token-url', provider.tokenUrl, '--client-id', 'ours', `--client-secret-${kind}`, place]
    const { code, err } = await command(args, { home, env })
    assert.equal(code, 0, err)
    assert.equal(provider.requests.at(-1)?.basic?.clientSecret, secret)
  }
})

test('a place without a secret is named, with its mend', async (t) => {
  const home = await homeOf(t)
  const base = ['token', '--token-url', 'https://i.example/token', '--client-id', 'ours']
  const cases: [string[], RegExp][] = [
    [['--client-secret-env', 'NOT_SET'], /NOT_SET is not set/],
    [['--client-secret-file', join(home, 'none')], /cannot be read \(ENOENT\)/],
    [['--client-secret-command', 'no-such-program-here x'], /no-such-program-here for the client secret is not on the PATH/],
    [['--client-secret-command', 'false'], /command false for the client secret failed: run it by hand/],
    [['--client-secret-command', 'yes'], /printed more than 65536 bytes/],
    [['--client-secret-command', 'true'], /is empty/],
    [['--client-secret-keychain', 'ours'], /needs the program secret-tool, which is not here: install libsecret-tools/],
    [['--client-secret-env', 'A', '--client-secret-file', 'B'], /name two places/],
    [['--client-secret-command', '[1]'], /takes a program and its arguments/],
    [['--client-secret-keychain', 'x y'], /takes a name of letters/],
  ]
  for (const [args, sentence] of cases) {
    const { code, err } = await command([...base, ...args], { home, env: { PATH: '/bin' } })
    assert.match(err, sentence)
    assert.ok(code === 1 || code === 2)
  }
})

test('on macOS the keychain is security, and a secret goes to it on standard input', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const { bin, entries, calls } = await installKeychain(t)
  const env = { PATH: `${bin}:${process.env['PATH']}` }
  const args = keptInKeychain(provider.tokenUrl, 'mac')
  const { code, err } = await command(args, { home, env, stdin: 'mac-secret', platform: 'darwin' })
  assert.equal(code, 0, err)
  assert.equal(await entries.get('mac/client-secret'), 'mac-secret')
  assert.match(await calls(), /^security -i$/m)
  assert.equal((await command(['token', '--fresh'], { home, env, platform: 'darwin' })).code, 0)
  assert.equal(provider.requests.at(-1)?.basic?.clientSecret, 'mac-secret')
})

test('the real command shows no secret to its children, neither in arguments nor in the environment', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const { bin, calls, environments } = await installKeychain(t)
  const env = { PATH: `${bin}:${process.env['PATH']}`, CALLSIGN_PASSWORD: 'never-shown' }
  const login = keptInKeychain(provider.tokenUrl, 'p')
  const made = await callsign(login, { home, env, stdin: 'hunter2' })
  assert.equal(made.code, 0, made.err)
  const used = await callsign(['token', '--fresh'], { home, env })
  assert.equal(used.code, 0, used.err)
  for (const text of [await calls(), await environments(), made.out, made.err, used.err, await readFile(fileOf(home), 'utf8')]) {
    assert.doesNotMatch(text, /hunter2|never-shown/)
  }
  assert.equal(provider.requests.at(-1)?.basic?.clientSecret, 'hunter2')
})
