// `callsign token`, `quota` and `logout`: the shared folder of tokens, the forms, and what is forgotten.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { callsign } from './callsign_process.ts'
import { command, homeOf } from './cli_world.ts'
import { read, serve, startApi, startProvider, tokens } from './fake_provider.ts'

const run = promisify(execFile)
const ENV = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'env-secret' }

test('commands one after another spend one token; --fresh and --no-cache spend another', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const token = async (...more: string[]): Promise<string> => {
    const { code, out, err } = await command(['token', '--token-url', provider.tokenUrl, ...more], { home, env: ENV })
    assert.equal(code, 0, err)
    return out.trim()
  }
  assert.deepEqual([await token(), await token(), await token()], ['token-1', 'token-1', 'token-1'])
  assert.equal((await callsign(['token', '--token-url', provider.tokenUrl], { home, env: ENV })).out, 'token-1\n')
  assert.equal(await token('--no-cache'), 'token-2')
  assert.equal(await token('--fresh'), 'token-3')
  assert.equal(await token(), 'token-3')
  assert.equal((await stat(join(home, '.cache', 'countersign'))).mode & 0o777, 0o700)
  assert.equal(provider.requests.length, 3)
})

test('another scope, secret or client is another token', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const token = async (env: Record<string, string>, ...more: string[]): Promise<string> =>
    (await command(['token', '--token-url', provider.tokenUrl, ...more], { home, env: { ...ENV, ...env } })).out.trim()
  const all = [
    await token({}),
    await token({}, '--scope', 'a'),
    await token({ CALLSIGN_CLIENT_SECRET: 'b' }),
    await token({ CALLSIGN_CLIENT_ID: 'c' }),
  ]
  assert.equal(new Set(all).size, 4)
})

test('--format curl is a configuration that curl reads from standard input', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  provider.answer = () => tokens('to"ken\\1')
  const { out } = await command(['token', '--token-url', provider.tokenUrl, '--format', 'curl'], { env: ENV })
  assert.equal(out, 'header = "authorization: Bearer to\\"ken\\\\1"\n')
  const curl = run('curl', ['--noproxy', '*', '-sS', '-m', '20', '-K', '-', api.origin])
  curl.child.stdin?.on('error', () => undefined).end(out)
  const ended = await curl.catch((error: unknown) => (error instanceof Error && 'code' in error ? error.code : error))
  if (ended === 'ENOENT') return t.skip('curl is not installed')
  assert.equal(api.seen[0]?.headers.authorization, 'Bearer to"ken\\1')
})

test('--format kubernetes is an ExecCredential of the version that kubectl wants', async (t) => {
  const provider = await startProvider(t)
  const args = ['token', '--token-url', provider.tokenUrl, '--format', 'kubernetes']
  const credential = async (info?: unknown): Promise<Record<string, unknown>> => {
    const env = { ...ENV, ...(info === undefined ? {} : { KUBERNETES_EXEC_INFO: JSON.stringify(info) }) }
    return JSON.parse((await command(args, { env })).out) as Record<string, unknown>
  }
  const { apiVersion, kind, status } = await credential()
  assert.deepEqual([apiVersion, kind], ['client.authentication.k8s.io/v1', 'ExecCredential'])
  const { token, expirationTimestamp } = status as { token: string; expirationTimestamp: string }
  assert.equal(token, 'token-1')
  assert.match(expirationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.ok(Date.parse(expirationTimestamp) > Date.now() + 3_500_000)
  assert.equal(
    (await credential({ apiVersion: 'client.authentication.k8s.io/v1beta1' }))['apiVersion'],
    'client.authentication.k8s.io/v1beta1',
  )
  assert.equal((await credential({ apiVersion: 'evil/v9' }))['apiVersion'], 'client.authentication.k8s.io/v1')
})

test('a private key signs the client in, and no secret is needed', async (t) => {
  const home = await homeOf(t)
  const file = join(home, 'key.pem')
  await writeFile(file, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }), {
    mode: 0o600,
  })
  let body = new URLSearchParams()
  const origin = await serve(t, async (incoming, outgoing) => {
    body = new URLSearchParams((await read(incoming)).body)
    outgoing
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ access_token: 'signed', token_type: 'Bearer', expires_in: 60 }))
  })
  const args = ['token', '--token-url', `${origin}/token`, '--client-id', 'ours', '--private-key-file', file]
  const { out, err } = await command(args, { home })
  assert.equal(err, '')
  assert.equal(out, 'signed\n')
  assert.equal(body.get('client_assertion')?.split('.').length, 3)
  const both = await command([...args, '--client-secret-env', 'X'], { home, env: { X: 'x' } })
  assert.deepEqual(
    [both.code, both.err],
    [2, 'callsign: A client secret and a private key contradict each other: leave out one of them.\n'],
  )
})

test('--dpop keeps one key for all commands, in a file of its own', async (t) => {
  const home = await homeOf(t)
  const proofs: string[] = []
  const origin = await serve(t, async (incoming, outgoing) => {
    const { headers } = await read(incoming)
    if (typeof headers['dpop'] === 'string') proofs.push(headers['dpop'])
    outgoing
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ access_token: 'bound', token_type: 'DPoP', expires_in: 60 }))
  })
  const args = ['token', '--token-url', `${origin}/token`, '--client-id', 'ours', '--dpop', '--format', 'header']
  const without = await command(args, { home, env: { ...ENV } })
  assert.deepEqual([without.code, without.out], [1, ''])
  assert.match(without.err, /add --url URL/)
  const { out, err } = await command([...args, '--url', 'https://api.example/orders', '--api-origin', 'https://api.example'], {
    home,
    env: ENV,
  })
  assert.deepEqual(
    out
      .replace(/dpop: \S+/, 'dpop: P')
      .trim()
      .split('\n')
      .sort(),
    ['authorization: DPoP bound', 'dpop: P'],
    err,
  )
  await command([...args, '--fresh', '--url', 'https://api.example/', '--api-origin', 'https://api.example'], { home, env: ENV })
  const keys = proofs.map(
    (proof) => (JSON.parse(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString()) as { jwk: { x: string } }).jwk.x,
  )
  assert.deepEqual([keys.length, new Set(keys).size], [2, 1])
  assert.equal((await stat(join(home, '.config', 'countersign', 'keys', 'default.dpop.json'))).mode & 0o777, 0o600)
})

test('quota tells what is left, when there is more, and whether it lasts', async (t) => {
  const now = 1_800_000_000
  const home = await homeOf(t)
  const provider = await serve(t, async (incoming, outgoing) => {
    await read(incoming)
    const fields = { ratelimit: '"tokens";r=20;t=864000', 'ratelimit-policy': '"tokens";q=1000;w=2592000' }
    outgoing.writeHead(200, { 'content-type': 'application/json', ...fields })
    outgoing.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', expires_in: 3600 }))
  })
  const world = { home, env: ENV, now: () => now }
  const none = await command(['quota', '--token-url', `${provider}/token`], world)
  assert.equal(none.out, 'The provider tells of no token budget.\n')
  await command(['token', '--token-url', `${provider}/token`], { home, env: ENV })
  const { out } = await command(['quota', '--token-url', `${provider}/token`], { home, env: ENV })
  assert.match(
    out,
    /^20 of 1000 tokens are left \(2 %\); 980 are used\.\nThere are new ones in 9 d 23 h|^20 of 1000 tokens are left[\s\S]*in 10 d/,
  )
  assert.match(out, /At this pace they last for .* only/)
  const json = JSON.parse((await command(['quota', '--json', '--token-url', `${provider}/token`], { home, env: ENV })).out) as Record<
    string,
    unknown
  >
  assert.deepEqual([json['limit'], json['used'], json['remaining'], json['source']], [1000, 980, 20, 'fields'])
})

test('logout revokes what is held, and forgets tokens and the secrets that login put away', async (t) => {
  const [home, revoked] = [await homeOf(t), [] as string[]]
  const origin = await serve(t, async (incoming, outgoing) => {
    const { path, body } = await read(incoming)
    if (path === '/revoke') revoked.push(new URLSearchParams(body).get('token') ?? '')
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ access_token: 'held', refresh_token: 'kept', token_type: 'Bearer', expires_in: 3600 }))
  })
  const urls = ['--token-url', `${origin}/token`, '--revocation-url', `${origin}/revoke`]
  const args = ['login', ...urls, '--client-id', 'ours', '--client-secret-file', '-', '--store', 'file', '--profile', 'p']
  const login = await command(args, { home, stdin: 'file-secret' })
  assert.equal(login.code, 0, login.err)
  const secret = join(home, '.config', 'countersign', 'secrets', 'p.client-secret')
  assert.equal((await stat(secret)).mode & 0o777, 0o600)
  const { code, out } = await command(['logout'], { home })
  assert.equal(code, 0)
  assert.match(out, /revoked and forgotten[\s\S]*kept secret for 'p' is forgotten/)
  assert.deepEqual(revoked, ['kept', 'held'])
  await assert.rejects(readFile(secret), /ENOENT/)
  const left = (await readdir(join(home, '.cache', 'countersign'))).filter((name) => name.endsWith('.token'))
  assert.deepEqual(left, [])
})

test('logout without a revocation endpoint says so, and forgets all the same', async (t) => {
  const [home, provider] = [await homeOf(t), await startProvider(t)]
  const args = ['--token-url', provider.tokenUrl]
  await command(['token', ...args], { home, env: ENV })
  const { code, out } = await command(['logout', ...args], { home, env: ENV })
  assert.equal(code, 0)
  assert.match(out, /has no way to revoke it, so it ends by itself/)
  assert.equal((await command(['token', ...args], { home, env: ENV })).out, 'token-2\n')
})
