// `callsign` between a hostile provider, a hostile file and a careless user: nothing a stranger wrote is understood by a terminal, a shell
// or a file system.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { listenLoopback } from '../src/cli/loopback.ts'
import { command, homeOf } from './cli_world.ts'
import { serve, startApi, startProvider, tokens } from './fake_provider.ts'

const run = promisify(execFile)
const ENV = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'env-secret' }
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e'
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/

test('a profile name that leads elsewhere writes nothing anywhere', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const names = [
    '../../../escaped',
    '/tmp/escaped',
    'a/b',
    '..',
    '.',
    '',
    '-x',
    'a\nb',
    'a b',
    '__proto__',
    'constructor',
    'x'.repeat(65),
    '$(id)',
  ]
  for (const name of names) {
    const args = ['login', '--token-url', provider.tokenUrl, '--client-id', 'ours', '--client-secret-file', '-', '--store', 'file']
    const { code, err } = await command([...args, `--profile=${name}`], { home, stdin: 'typed-secret' })
    assert.equal(code, 2, `${name}: ${err}`)
    assert.doesNotMatch(err, RAW)
    assert.doesNotMatch(err, /typed-secret/)
  }
  assert.deepEqual(await readdir(home), [])
  assert.equal(existsSync(join(home, '..', 'escaped.client-secret')), false)
  assert.equal(provider.requests.length, 0)
})

test('a token with every character a header can carry is one word to a shell and to curl', async (t) => {
  const [home, provider, api] = [await homeOf(t), await startProvider(t), await startApi(t)]
  const token = `'"$(>${join(home, 'owned')})\`id\`;|&<>\\!#*?{}[]~%^='$HOME`
  provider.answer = () => tokens(token, 3600)
  const print = async (format: string): Promise<string> =>
    (await command(['token', '--token-url', provider.tokenUrl, '--format', format], { home, env: ENV })).out
  const { stdout } = await run('sh', ['-c', `${await print('env')}printf %s "$CALLSIGN_ACCESS_TOKEN"`])
  assert.equal(stdout, token)
  assert.deepEqual((JSON.parse(await print('json')) as Record<string, unknown>)['access_token'], token)
  assert.equal((JSON.parse(await print('kubernetes')) as { status: { token: string } }).status.token, token)
  const curl = run('curl', ['--noproxy', '*', '-sS', '-m', '20', '-K', '-', api.origin])
  curl.child.stdin?.on('error', () => undefined).end(await print('curl'))
  const failed = await curl
    .then(() => undefined)
    .catch((error: unknown) => (error instanceof Error && 'code' in error ? error.code : error))
  if (failed !== 'ENOENT') assert.equal(api.seen[0]?.headers.authorization, `Bearer ${token}`)
  assert.equal(existsSync(join(home, 'owned')), false)
})

test('a token that would begin another line or another header is refused, whole', async (t) => {
  const provider = await startProvider(t)
  for (const evil of ['a\nexport PATH=/tmp', 'a\r\nx-admin: 1', 'a b', 'a\u0000', EVIL, '\u2028', '']) {
    provider.answer = () => ({ status: 200, body: JSON.stringify({ access_token: evil, token_type: 'Bearer', expires_in: 60 }) })
    for (const format of ['env', 'header', 'curl']) {
      const { code, out, err } = await command(['token', '--token-url', provider.tokenUrl, '--format', format], { env: ENV })
      assert.deepEqual([code, out], [1, ''], JSON.stringify(evil))
      assert.doesNotMatch(err, RAW)
    }
  }
})

test('nothing a provider or an API says reaches the terminal raw', async (t) => {
  const origin = await serve(t, (incoming, outgoing) => {
    const body = { error: `x${EVIL}`, error_description: EVIL, issuer: `https://a.example/${EVIL}`, title: EVIL }
    outgoing.writeHead(incoming.url === '/token' ? 400 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const lines = [
    ['token', '--token-url', `${origin}/token`],
    ['token', '--issuer', origin],
    ['fetch', `${origin}/a`, '--token-url', `${origin}/token`, '-v'],
    ['doctor', '--token-url', `${origin}/token`, '--no-cache'],
    ['doctor', '--issuer', origin, '--no-cache'],
    ['quota', '--token-url', `${origin}/token`],
    ['login', origin, '--client-id', 'ours', '--client-secret-file', '-'],
    ['decode', '--issuer', origin],
    ['token', '--profile', EVIL],
    ['token', '--preset', EVIL],
    ['token', '--token-url', `${origin}/token`, '--client-secret-file', `/nowhere/${EVIL}`],
    ['token', `--${EVIL}`],
    [EVIL],
  ]
  for (const args of lines) {
    const { code, out, err } = await command(args, { env: ENV, stdin: 'eyJhbGciOiJFUzI1NiJ9.e30.AA' })
    assert.notEqual(code, null)
    assert.doesNotMatch(out + err, RAW, args.join(' ').replaceAll(EVIL, 'EVIL'))
    assert.doesNotMatch(out + err, /env-secret/)
  }
})

test('an issuer that would be a command is not offered to be copied into a shell', async (t) => {
  const variable = '$'.concat('{IFS}')
  for (const path of ['$(id)', '`id`', ';id', '&id', '|id', "'", '"', '\\', ' id', '#', '\nid', variable]) {
    let told = ''
    const origin = await serve(t, (incoming, outgoing) => {
      const found = incoming.url === '/.well-known/openid-configuration'
      outgoing.writeHead(found ? 200 : 404).end(JSON.stringify({ issuer: told, token_endpoint: told }))
    })
    for (const base of [`${origin}/`, 'https://evil.example/']) {
      told = base + path
      const login = await command(['login', `${origin}/realms/x`, '--client-id', 'ours', '--client-secret-file', '-'], { stdin: 's' })
      const doctor = await command(['doctor', '--issuer', `${origin}/realms/x`, '--no-cache', '--no-token'], { env: ENV })
      for (const said of [login, doctor]) assert.doesNotMatch(said.out + said.err, /(login|--issuer) \S*[$`;&|'"\\#]/, path)
    }
  }
})

test('a program that is asked for one secret learns of no other, and no secret is an argument', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const program = join(home, 'ask')
  const told = join(home, 'told')
  await writeFile(program, `#!/bin/sh\n{ env; tr '\\0' ' ' < /proc/$PPID/cmdline; } > ${told}\necho from-the-program\n`, { mode: 0o700 })
  const folder = join(home, '.config', 'countersign')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const one = {
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    grant: 'password',
    clientSecret: { command: [program] },
    username: 'ada',
    password: { env: 'MY_PASSWORD' },
  }
  await writeFile(join(folder, 'callsign.json'), JSON.stringify({ version: 1, profiles: { one } }), { mode: 0o600 })
  const env = { MY_PASSWORD: 'pass-of-ada', CALLSIGN_API_KEY: 'key-of-ours', OTHER: 'kept' }
  const { code, err } = await command(['token', '--profile', 'one', '--no-cache'], { home, env })
  assert.equal(code, 0, err)
  const { stdout } = await run('cat', [told])
  assert.match(stdout, /OTHER=kept/)
  assert.doesNotMatch(stdout, /pass-of-ada|key-of-ours/)
  assert.match(JSON.stringify([...(provider.requests[0]?.parameters ?? [])]), /pass-of-ada/)
})

test('the listener of a sign-in takes one answer, for its own name and with the right state only', async (t) => {
  const loopback = await listenLoopback()
  t.after(() => loopback.close())
  const { port, pathname } = new URL(loopback.redirectUri)
  const arrived = loopback.arrival('right-state')
  const ask = async (method: string, path: string, host = `127.0.0.1:${port}`): Promise<number> => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers: { host } }).end()
    const [incoming] = (await once(outgoing, 'response')) as [{ statusCode: number; resume: () => void }]
    incoming.resume()
    return incoming.statusCode
  }
  const good = `${pathname}?state=right-state&code=c`
  for (const [method, path, host] of [
    ['GET', `${pathname}?state=wrong&code=evil`],
    ['GET', `${pathname}?code=evil`],
    ['GET', '/other?state=right-state&code=evil'],
    ['GET', `//evil.example${good}`],
    ['GET', `http://evil.example${good}`],
    ['POST', good],
    ['GET', good, 'evil.example'],
    ['GET', good, `evil.example:${port}`],
    ['GET', good, `localhost:${port}`],
  ] as const) {
    assert.equal(await ask(method, path, host), 404, `${method} ${path} ${host ?? ''}`)
  }
  assert.equal(await ask('GET', good), 200)
  assert.equal((await arrived).searchParams.get('code'), 'c')
})

test('half a request does not keep the listener of a sign-in alive', async () => {
  const loopback = await listenLoopback()
  const socket = connect(Number(new URL(loopback.redirectUri).port), '127.0.0.1')
  socket.on('error', () => undefined)
  const closed = once(socket.resume(), 'close')
  socket.write('GET /callback HTTP/1.1\r\nHost: ')
  const asked = await fetch(loopback.redirectUri)
  assert.equal(asked.status, 404)
  loopback.close()
  await closed
})
