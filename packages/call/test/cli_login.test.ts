// `callsign login`: from little to a profile that works. People sign in at oidc-provider; questions are asked on a real terminal.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { MAIN } from './callsign_process.ts'
import { command, homeOf } from './cli_world.ts'
import { read, serve, startProvider } from './fake_provider.ts'
import { SCOPE, startOidcProvider } from './others/oidc_provider_server.ts'
import { signIn } from './others/person.ts'

/** Of util-linux: runs a command on a terminal of its own. */
const TERMINAL = 'script'

const profilesOf = async (home: string): Promise<Record<string, Record<string, unknown>>> => {
  const text = await readFile(join(home, '.config', 'countersign', 'callsign.json'), 'utf8')
  return (JSON.parse(text) as { profiles: Record<string, Record<string, unknown>> }).profiles
}

test('a person signs in in the browser, and the refresh token serves later commands', async (t) => {
  const [home, provider] = [await homeOf(t), await startOidcProvider(t)]
  let visited: Promise<string> | undefined
  const onErr = (text: string): void => {
    const url = /^ {2}(http\S+)$/m.exec(text)?.[1]
    if (url !== undefined) visited ??= visit(url)
  }
  const args = ['login', provider.issuer, '--client-id', 'public', '--grant', 'authorization_code', '--profile', 'me']
  const more = ['--scope', `openid offline_access ${SCOPE}`, '--redirect-uri', 'http://127.0.0.1/back']
  const { code, out, err } = await command([...args, ...more], { home, onErr })
  assert.equal(code, 0, err)
  assert.match(out, /It works[\s\S]*The profile 'me' is kept/)
  assert.match((await visited) ?? '', /this window can be closed/)
  const first = await command(['token'], { home })
  assert.match(first.out, /^eyJ/, first.err)
  const second = await command(['token', '--fresh'], { home })
  assert.match(second.out, /^eyJ/, second.err)
  assert.notEqual(first.out, second.out)
  assert.deepEqual(provider.grants, ['authorization_code', 'refresh_token'])
  const left = await command(['logout'], { home })
  assert.deepEqual([left.code, left.err], [0, ''])
  const after = await command(['token'], { home })
  assert.deepEqual([after.code, after.err], [1, 'callsign: Nobody is signed in, or the sign-in has ended: callsign login --profile me.\n'])
})

/** To where the browser is sent back, and what it is told there. */
async function visit(url: string): Promise<string> {
  const redirect = new URL(url).searchParams.get('redirect_uri') ?? ''
  const back = await signIn(url, redirect)
  const stranger = await fetch(`${redirect}?state=wrong&code=x`)
  assert.equal(stranger.status, 404)
  return (await fetch(back)).text()
}

test('a person signs in on another device by a code', async (t) => {
  const [home, provider] = [await homeOf(t), await startOidcProvider(t)]
  let signedIn: Promise<string> | undefined
  const onErr = (text: string): void => {
    const url = /\(or (http\S+),/.exec(text)?.[1]
    if (url !== undefined) signedIn ??= signIn(url)
  }
  const args = ['login', provider.issuer, '--client-id', 'public', '--grant', 'device_code', '--scope', `openid offline_access ${SCOPE}`]
  const { code, err } = await command(args, { home, onErr })
  assert.equal(code, 0, err)
  assert.match(err, /Open http\S+ in a browser, on any device, and type the code:\n\n {2}\S+\n/)
  await signedIn
  assert.deepEqual(provider.grants, ['urn:ietf:params:oauth:grant-type:device_code'])
})

test('what is near the issuer is found, and the issuer kept as the provider writes it', async (t) => {
  const home = await homeOf(t)
  const origin = await serve(t, async (incoming, outgoing) => {
    const { path } = await read(incoming)
    outgoing.setHeader('content-type', 'application/json')
    if (path === '/.well-known/openid-configuration')
      outgoing.end(JSON.stringify({ issuer: `${origin}/`, token_endpoint: `${origin}/token` }))
    else if (path === '/token') outgoing.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in: 60 }))
    else outgoing.writeHead(404).end('{}')
  })
  const args = [
    'login',
    `${origin}/.well-known/openid-configuration`,
    '--client-id',
    'ours',
    '--client-secret-env',
    'OURS',
    '--profile',
    'p',
  ]
  const { code, err } = await command(args, { home, env: { OURS: 'x' } })
  assert.equal(code, 0, err)
  assert.match(err, /writes its issuer as http:\S+\/, so that is what is kept/)
  assert.deepEqual((await profilesOf(home))['p'], { issuer: `${origin}/`, clientId: 'ours', clientSecret: { env: 'OURS' } })
})

test('metadata that names another host is not followed', async (t) => {
  const origin = await serve(t, (_, outgoing) => {
    outgoing
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }))
  })
  const { code, err } = await command(['login', origin, '--client-id', 'ours', '--client-secret-env', 'OURS'], { env: { OURS: 'x' } })
  assert.equal(code, 1)
  assert.match(err, /of another host: if you mean it, callsign login https:\/\/evil\.example/)
})

test('what is missing is named where nobody can be asked, and what fails is not kept', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const cases: [string[], RegExp][] = [
    [[], /Say where to log in to/],
    [['willba'], /Client id is missing.*give --client-id ID/],
    [['willba', '--client-id', 'x'], /client secret is missing.*--client-secret-file FILE/],
    [['wave', '--client-id', 'x'], /authorization server that Wave named.*--issuer URL/],
    [['wogeez'], /User name is missing.*--username NAME/],
    [['ftp://example.com'], /A place to log in to is one of/],
    [['willba', '--preset', 'wych'], /named twice/],
    [['willba', '--store', 'cloud'], /--store must be keychain or file/],
    [['willba', '--client-secret', 'hunter2'], /every process on this machine can read/],
  ]
  for (const [args, sentence] of cases) {
    const { code, err } = await command(['login', ...args], { home })
    assert.equal(code, 2, err)
    assert.match(err, sentence)
    assert.doesNotMatch(err, /hunter2/)
  }
  provider.answer = () => ({ status: 401, body: '{"error":"invalid_client"}' })
  const refused = await command(
    ['login', '--token-url', provider.tokenUrl, '--client-id', 'x', '--client-secret-file', '-', '--store', 'file'],
    { home, stdin: 'wrong' },
  )
  assert.equal(refused.code, 1)
  assert.match(refused.err, /invalid_client/)
  assert.match((await command(['profiles'], { home })).out, /no profile yet/)
  await assert.rejects(stat(join(home, '.config', 'countersign', 'secrets')))
})

test('on a terminal it asks what is missing, and shows nothing of the secret', async (t) => {
  if (spawnSync(TERMINAL, ['--version']).error || process.platform !== 'linux')
    return t.skip('there is no script(1) of util-linux to make a terminal with')
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const line = [process.execPath, '-C', 'source', MAIN, 'login', '--token-url', provider.tokenUrl, '--profile', 'typed']
    .map((word) => `'${word}'`)
    .join(' ')
  const child = spawn(TERMINAL, ['-qefc', line, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TERM: 'dumb', SHELL: '/bin/sh' },
  })
  t.after(() => child.kill())
  const answers: [RegExp, string][] = [
    [/Client id/, 'typed-client\r'],
    [/Client secret \(not shown\)/, 'hunter3\u007f2\r'],
  ]
  let screen = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    const [next] = answers
    if (!next?.[0].test(screen)) return
    answers.shift()
    child.stdin.write(next[1])
  })
  const code = await new Promise((ended) => {
    child.on('close', ended)
  })
  assert.equal(code, 0, screen)
  assert.doesNotMatch(screen, /hunter/)
  assert.match(screen, /It works[\s\S]*The client secret is in the file \S+typed\.client-secret\./)
  assert.deepEqual(provider.requests[0]?.basic, { clientId: 'typed-client', clientSecret: 'hunter2' })
  const again = await command(['token', '--fresh'], { home })
  assert.equal(again.out, 'token-2\n', again.err)
})
