// `callsign` as a child process: what it prints, where, and with which exit code.
import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Ran } from './callsign_process.ts'
import { callsign, callsignToFullDisk, folder, NEEDS_FULL_DISK } from './callsign_process.ts'
import { command } from './cli_world.ts'
import { INVALID_TOKEN, startApi, startProvider, tokens } from './fake_provider.ts'

const ENV = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'env-secret' }

test('help says how to use each command, and no command at all is told so', async () => {
  const [main, token, fetch, decode, none] = await Promise.all([
    callsign(['--help']),
    callsign(['token', '--help']),
    callsign(['fetch', '--wrong', '-h']),
    callsign(['help', 'decode']),
    callsign([]),
  ])
  assert.deepEqual([main.code, token.code, fetch.code, decode.code, none.code], [0, 0, 0, 0, 2])
  assert.match(main.out, /Usage: callsign COMMAND[\s\S]*token[\s\S]*fetch[\s\S]*decode[\s\S]*Examples:/)
  for (const { out } of [token, fetch]) assert.match(out, /Usage: callsign[\s\S]*--preset[\s\S]*CALLSIGN_CLIENT_SECRET[\s\S]*Examples:/)
  assert.match(decode.out, /Usage: callsign decode[\s\S]*--jwks/)
  assert.equal(none.out, '')
})

test('a wrong command line is one sentence on standard error that names the mend, exit 2', async () => {
  const cases: [string[], RegExp][] = [
    [['tokn'], /no command 'tokn': use login, token, fetch, quota, doctor, decode, sidecar, profiles, logout/],
    [['token', '--presett=x'], /no option --presett; see callsign token --help/],
    [['token', '--scope'], /--scope needs a value/],
    [['token', '--demo=yes', '--preset', 'willba'], /--demo takes no value/],
    [['token', 'my-secret'], /takes options only/],
    [['token'], /--preset NAME, --issuer URL or --token-url URL/],
    [['token', '--preset', 'nobody'], /no preset 'nobody': use one of willba/],
    [['token', '--preset', 'willba'], /CALLSIGN_CLIENT_ID is not set/],
    [['token', '--demo'], /--demo needs --preset/],
    [['token', '--demo', '--preset', 'willba', '--format', 'xml'], /--format must be one of raw, header, json, env/],
    [['token', '--demo', '--preset', 'willba', '--origin', 'https://example.com'], /loopback/],
    [['token', '--token-url', 'http://example.com/token', '--client-id', 'x'], /must be an absolute https URL/],
    [['token', '--token-url', 'https://example.com/', '--client-id', 'x', '--dialect', '/nowhere.json'], /cannot be read \(ENOENT\)/],
    [['fetch'], /Give one URL/],
    [['fetch', 'api.example.com', '--preset', 'willba', '--demo'], /must be absolute/],
    [['fetch', 'https://a.example', '-d', '-', '--client-secret-file', '-'], /both the body and the secret/],
    [['fetch', 'https://a.example', '-H', 'nonsense'], /'name: value'/],
    [['decode'], /no token on standard input/],
    [['decode', 'a', 'b'], /Give one file/],
  ]
  for (const [args, sentence] of cases) {
    const { code, out, err } = await command(args)
    assert.equal(code, 2, `${args.join(' ')}: ${err}`)
    assert.equal(out, '')
    assert.match(err, sentence)
    assert.match(err, /^callsign: [^\n]+\n$/)
    assert.doesNotMatch(err, /\bat .*\.ts|my-secret/)
  }
})

test('secrets are refused as arguments, and not repeated', async () => {
  for (const args of [['--client-secret', 'hunter2'], ['--client-secret=hunter2'], ['--password=hunter2'], ['--api-key', 'hunter2']]) {
    const { code, err } = await command(['token', '--preset', 'willba', ...args])
    assert.equal(code, 2)
    assert.match(err, /every process on this machine can read/)
    assert.doesNotMatch(err, /hunter2/)
  }
})

test('token prints in each format', async (t) => {
  const provider = await startProvider(t)
  provider.answer = () => tokens("T'1", 300, { scope: ['a', 'b'] })
  const run = (format: string): Promise<Ran> =>
    command(['token', '--token-url', provider.tokenUrl, '--format', format, '--scope', 'a b'], { env: ENV })
  const [raw, header, json, env] = await Promise.all([run('raw'), run('header'), run('json'), run('env')])
  assert.deepEqual([raw.code, raw.err, raw.out], [0, '', "T'1\n"])
  assert.equal(header.out, "authorization: Bearer T'1\n")
  const answer = JSON.parse(json.out) as Record<string, unknown>
  assert.deepEqual([answer['access_token'], answer['token_type'], answer['scope']], ["T'1", 'Bearer', 'a b'])
  assert.ok(Number(answer['expires_in']) > 250 && Number(answer['expires_in']) <= 300)
  assert.match(env.out, /^export CALLSIGN_ACCESS_TOKEN='T'\\''1'\nexport CALLSIGN_EXPIRES_AT='\d+'\n$/)
  assert.deepEqual(provider.requests[0]?.basic, { clientId: 'ours', clientSecret: 'env-secret' })
  assert.equal(provider.requests[0]?.parameters.get('scope'), 'a b')
})

test('the secret comes from a file or from standard input, without its line break', async (t) => {
  const provider = await startProvider(t)
  const file = join(await folder(t), 'secret')
  await writeFile(file, 'file-secret\n')
  const args = ['token', '--token-url', provider.tokenUrl, '--client-id', 'ours', '--client-secret-file']
  assert.equal((await callsign([...args, file])).code, 0)
  assert.equal((await callsign([...args, '-'], { stdin: 'piped secret\r\n' })).code, 0)
  assert.deepEqual(
    provider.requests.map(({ basic }) => basic?.clientSecret),
    ['file-secret', 'piped secret'],
  )
})

test('a dialect file speaks for any provider', async (t) => {
  const document = { extends: 'standard', name: 'mine', token_request: { encodings: ['json'], client_auth: ['client_secret_post'] } }
  const provider = await startProvider(t, document)
  const file = join(await folder(t), 'dialect.json')
  await writeFile(file, JSON.stringify(document))
  const { out } = await command(['token', '--token-url', provider.tokenUrl, '--dialect', file], { env: ENV })
  assert.equal(out, 'token-1\n')
  assert.equal(provider.requests[0]?.raw.headers['content-type'], 'application/json')
})

test('a demo preset works with its published credentials alone', async (t) => {
  const provider = await startProvider(t, 'keycloak', '/realms/partner/protocol/openid-connect/token')
  const { out, err } = await callsign(['token', '--preset', 'wych', '--demo', '--origin', provider.origin, '--format', 'header'])
  assert.equal(err, '')
  assert.equal(out, 'authorisation: bearer token-1\nx-api-key: demo-wych-api-key\n')
})

test('what does not work is one sentence with its mend, exit 1, and no secret', async (t) => {
  const provider = await startProvider(t)
  provider.answer = () => new OAuthError('invalid_client', 'the secret env-secret is wrong')
  const refused = await callsign(['token', '--token-url', provider.tokenUrl], { env: ENV })
  assert.equal(refused.code, 1)
  assert.match(refused.err, /^callsign: [^\n]*invalid_client \(401\)[^\n]*Check client id and client secret[^\n]*\n$/)
  assert.doesNotMatch(refused.err, /env-secret/)
  const closed = await callsign(['token', '--token-url', 'http://127.0.0.1:1/token'], { env: ENV })
  assert.equal(closed.code, 1)
  assert.match(closed.err, /^callsign: [^\n]*unreachable[^\n]*Check that the address is right[^\n]*\n$/)
})

test('fetch sends method, headers and body, and streams the answer', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  api.answer = () => ({ status: 201, headers: { 'x-answer': 'yes' }, body: 'done' })
  const place = ['--token-url', provider.tokenUrl]
  const file = join(await folder(t), 'body.json')
  await writeFile(file, '{"a":1}')
  const post = await command(['fetch', `${api.origin}/orders`, ...place, '-d', `@${file}`, '-H', 'x-mine: 1', '-i'], { env: ENV })
  assert.equal(post.code, 0)
  assert.match(post.out, /^HTTP 201[^\n]*\n[\s\S]*x-answer: yes\n[\s\S]*\ndone$/)
  const put = await command(['fetch', `${api.origin}/orders`, ...place, '-X', 'PUT', '-d', '-'], { env: ENV, stdin: 'a=b' })
  assert.equal(put.out, 'done')
  const shown = api.seen.map(({ method, body, headers }) => [method, body, headers['content-type'], headers.authorization])
  assert.deepEqual(shown, [
    ['POST', '{"a":1}', 'application/json', 'Bearer token-1'],
    ['PUT', 'a=b', 'application/x-www-form-urlencoded', 'Bearer token-2'],
  ])
  assert.equal(api.seen[0]?.headers['x-mine'], '1')
})

test('fetch exits 22 on a refusal with --fail, and refuses a foreign origin', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  api.answer = () => ({ status: 404, body: 'nothing here' })
  const place = ['--token-url', provider.tokenUrl]
  const [plain, fail, foreign] = await Promise.all([
    command(['fetch', api.origin, ...place], { env: ENV }),
    command(['fetch', api.origin, ...place, '--fail'], { env: ENV }),
    command(['fetch', api.origin, ...place, '--api-origin', 'https://api.example.com'], { env: ENV }),
  ])
  assert.deepEqual([plain.code, plain.out], [0, 'nothing here'])
  assert.deepEqual([fail.code, fail.out], [22, 'nothing here'])
  assert.equal(foreign.code, 1)
  assert.match(foreign.err, /is not an allowed origin/)
  assert.equal(api.seen.length, 2)
})

test('fetch writes to a file, tells what happens without credentials, and stops at --max-size', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const home = await folder(t)
  const place = ['--token-url', provider.tokenUrl]
  const run = (...args: string[]): Promise<Ran> => command(['fetch', ...args, ...place], { env: ENV, home })
  const out = join(home, 'answer')
  api.answer = () => ({ status: 200, body: 'x'.repeat(1_500_000) })
  const saved = await run(`${api.origin}/big?key=in-query`, '-o', out, '-v', '--max-size', '2')
  assert.deepEqual([saved.code, saved.out], [0, ''])
  assert.equal((await stat(out)).size, 1_500_000)
  assert.match(saved.err, /^\* token: new, lives 1 h\n|^> GET/)
  assert.match(saved.err, /> GET http:\S+\/big\n/)
  assert.doesNotMatch(saved.err, /token-1|env-secret|in-query/)
  const large = await run(`${api.origin}/big`, '--max-size', '1')
  assert.equal(large.code, 1)
  assert.match(large.err, /longer than 1 MB: allow it with --max-size MB/)
  const nowhere = await run(api.origin, '-o', join(home, 'no', 'such', 'folder'))
  assert.equal(nowhere.code, 2)
  assert.match(nowhere.err, /cannot be written \(ENOENT\)/)
  assert.equal(provider.requests.length, 1)
})

test('fetch sends a file again after the token was refused, and takes the body from standard input as @-', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const home = await folder(t)
  await writeFile(join(home, 'body'), 'from file')
  api.answer = ({ headers }) => (headers.authorization === 'Bearer token-1' ? INVALID_TOKEN : { status: 200, body: 'taken' })
  const sent = await command(['fetch', api.origin, '-d', `@${join(home, 'body')}`, '--token-url', provider.tokenUrl], { env: ENV, home })
  assert.deepEqual([sent.code, sent.out], [0, 'taken'])
  assert.deepEqual(
    api.seen.map(({ body }) => body),
    ['from file', 'from file'],
  )
  await command(['fetch', api.origin, '-d', '@-', '--token-url', provider.tokenUrl], { env: ENV, home, stdin: '{"piped":1}' })
  assert.deepEqual([api.seen[2]?.body, api.seen[2]?.headers['content-type']], ['{"piped":1}', 'application/json'])
  const both = await command(['fetch', api.origin, '-d', '@-', '--client-secret-file', '-'], { home })
  assert.match(both.err, /both the body and the secret/)
})

test('every command has help with examples', async () => {
  for (const name of ['login', 'token', 'fetch', 'quota', 'doctor', 'decode', 'sidecar', 'profiles', 'logout']) {
    const { code, out } = await command([name, '--help'])
    assert.equal(code, 0)
    assert.match(out, new RegExp(`^Usage: callsign ${name}[\\s\\S]*Examples:[\\s\\S]*callsign ${name}`, 'm'))
  }
})

test('a disk that is full is one sentence too, exit 1', NEEDS_FULL_DISK, async () => {
  const err = 'callsign: Standard output took no more (ENOSPC): make room, or write elsewhere.\n'
  assert.deepEqual(await callsignToFullDisk(['--help']), { code: 1, err })
})
