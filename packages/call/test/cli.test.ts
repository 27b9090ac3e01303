// `callsign` as a child process: what it prints, where, and with which exit code.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Ran } from './callsign_process.ts'
import { callsign, folder } from './callsign_process.ts'
import { startApi, startProvider, tokens } from './fake_provider.ts'

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
    [['tokn'], /no command 'tokn': use token, fetch, decode/],
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
    [['decode', 'a', 'b'], /Give one token/],
  ]
  for (const [args, sentence] of cases) {
    const { code, out, err } = await callsign(args)
    assert.equal(code, 2, `${args.join(' ')}: ${err}`)
    assert.equal(out, '')
    assert.match(err, sentence)
    assert.match(err, /^callsign: [^\n]+\n$/)
    assert.doesNotMatch(err, /\bat .*\.ts|my-secret/)
  }
})

test('secrets are refused as arguments, and not repeated', async () => {
  for (const args of [['--client-secret', 'hunter2'], ['--client-secret=hunter2'], ['--password=hunter2'], ['--api-key', 'hunter2']]) {
    const { code, err } = await callsign(['token', '--preset', 'willba', ...args])
    assert.equal(code, 2)
    assert.match(err, /every process on this machine can read/)
    assert.doesNotMatch(err, /hunter2/)
  }
})

test('token prints in each format', async (t) => {
  const provider = await startProvider(t)
  provider.answer = () => tokens("T'1", 300, { scope: ['a', 'b'] })
  const run = (format: string): Promise<Ran> =>
    callsign(['token', '--token-url', provider.tokenUrl, '--format', format, '--scope', 'a b'], { env: ENV })
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
  const { out } = await callsign(['token', '--token-url', provider.tokenUrl, '--dialect', file], { env: ENV })
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
  assert.match(refused.err, /^callsign: [^\n]*invalid_client \(401\)[^\n]*Check CALLSIGN_CLIENT_ID and CALLSIGN_CLIENT_SECRET\.\n$/)
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
  const post = await callsign(['fetch', `${api.origin}/orders`, ...place, '-d', `@${file}`, '-H', 'x-mine: 1', '-i'], { env: ENV })
  assert.equal(post.code, 0)
  assert.match(post.out, /^HTTP 201[^\n]*\n[\s\S]*x-answer: yes\n[\s\S]*\ndone$/)
  const put = await callsign(['fetch', `${api.origin}/orders`, ...place, '-X', 'PUT', '-d', '-'], { env: ENV, stdin: 'a=b' })
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
    callsign(['fetch', api.origin, ...place], { env: ENV }),
    callsign(['fetch', api.origin, ...place, '--fail'], { env: ENV }),
    callsign(['fetch', api.origin, ...place, '--api-origin', 'https://api.example.com'], { env: ENV }),
  ])
  assert.deepEqual([plain.code, plain.out], [0, 'nothing here'])
  assert.deepEqual([fail.code, fail.out], [22, 'nothing here'])
  assert.equal(foreign.code, 1)
  assert.match(foreign.err, /is not an allowed origin/)
  assert.equal(api.seen.length, 2)
})
