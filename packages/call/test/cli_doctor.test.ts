// `callsign doctor`, tested by breaking one thing after the other: each finding names what is wrong and its mend.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { generate } from 'selfsigned'
import { callsign, folder } from './callsign_process.ts'
import type { NearWorld } from './cli_world.ts'
import { command, homeOf } from './cli_world.ts'
import { read, serve, startApi } from './fake_provider.ts'

interface Found {
  readonly step: string
  readonly mark: string
  readonly says: string
  readonly mend?: string
}

const ENV = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 's3cret' }
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const JWK = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }

function jwt(claims: Record<string, unknown>, typ = 'at+jwt'): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'ES256', typ, kid: 'k1' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** What can be broken about a provider. */
interface Provider {
  origin: string
  issuer: string
  base: string
  date: () => Date
  token: (origin: string) => { status?: number; body: unknown; headers?: Record<string, string> }
}

async function startBreakable(t: TestContext): Promise<Provider> {
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { path } = await read(incoming)
    outgoing.setHeader('date', provider.date().toUTCString()).setHeader('content-type', 'application/json')
    if (path === `${provider.base}/.well-known/openid-configuration`) {
      const document = { issuer: provider.issuer, token_endpoint: `${provider.origin}/token`, jwks_uri: `${provider.origin}/jwks` }
      outgoing.end(JSON.stringify(document))
    } else if (path === '/jwks') outgoing.end(JSON.stringify({ keys: [JWK] }))
    else if (path === '/token') {
      const { status = 200, body, headers = {} } = provider.token(provider.origin)
      outgoing.writeHead(status, { 'cache-control': 'no-store', ...headers }).end(typeof body === 'string' ? body : JSON.stringify(body))
    } else outgoing.writeHead(404).end('{}')
  }
  const origin = await serve(t, answer)
  const provider: Provider = { origin, issuer: origin, base: '', date: () => new Date(), token: (iss) => good(iss) }
  return provider
}

function good(iss: string, claims: Record<string, unknown> = {}): { body: Record<string, unknown> } {
  const now = Math.floor(Date.now() / 1000)
  const token = jwt({ iss, aud: 'https://api.example', sub: 's', iat: now, exp: now + 600, ...claims })
  return { body: { access_token: token, token_type: 'Bearer', expires_in: 600 } }
}

async function examine(
  args: readonly string[],
  world: NearWorld = {},
): Promise<{ found: readonly Found[]; code: number | null; text: string }> {
  const { code, out, err } = await command(['doctor', '--json', ...args], { env: ENV, ...world })
  assert.equal(err, '')
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Found[] }
  assert.equal(ok, code === 0)
  for (const { says, mark, mend } of findings) {
    assert.doesNotMatch(`${says}${mend}`, /s3cret/)
    assert.equal(mend === undefined, mark === 'ok')
  }
  return {
    found: findings,
    code,
    text: findings.map(({ step, mark, says, mend = '' }) => `${mark} ${step}: ${says} -> ${mend}`).join('\n'),
  }
}

test('a sound set-up is ok in every step, also for a person', async (t) => {
  const [provider, api] = [await startBreakable(t), await startApi(t)]
  const args = ['--issuer', provider.origin, '--audience', 'https://api.example', '--api', `${api.origin}/orders`]
  const { found, code, text } = await examine(args)
  assert.equal(code, 0, text)
  assert.ok(
    found.every(({ mark }) => mark === 'ok'),
    text,
  )
  assert.deepEqual(
    found.map(({ step }) => step),
    ['options', 'secrets', 'dns', 'tcp', 'discovery', 'credentials', 'answer', 'clock', 'token', 'api', 'cache', 'budget'],
  )
  const person = await callsign(['doctor', ...args], { env: ENV })
  assert.match(
    person.out,
    /^ok +options[\s\S]*ok +token +The token is as it should be: signature, issuer, audience, type[\s\S]*Nothing is broken\.\n$/,
  )
})

test('options: what is missing is the first finding, and the last', async () => {
  const { found, code } = await examine([], { env: {} })
  assert.deepEqual([found.length, found[0]?.step, found[0]?.mark, code], [1, 'options', 'fail', 1])
  assert.match(found[0]?.says ?? '', /Say which provider/)
})

test('secrets: what copying does to them is seen', async (t) => {
  const [home, { origin }] = [await homeOf(t), await startBreakable(t)]
  const file = join(home, 'secret')
  const cases: [string, RegExp][] = [
    ['s3cret\n', /warn secrets: .*ends in a line break/],
    ['s3cret\n\n', /fail secrets: .*spaces or empty lines around it/],
    [' s3cret', /fail secrets: .*spaces or empty lines around it/],
    ['"s3cret"\n', /fail secrets: .*quotes around it/],
    ['\ufeffs3cret', /fail secrets: .*invisible mark \(BOM\)/],
    ['s3\u200bcret', /fail secrets: .*invisible character/],
    ['', /fail secrets: .*is empty/],
  ]
  for (const [secret, finding] of cases) {
    await writeFile(file, secret, { mode: 0o600 })
    const args = ['--token-url', `${origin}/token`, '--client-id', 'ours', '--client-secret-file', file, '--no-token']
    assert.match((await examine(args, { home, env: {} })).text, finding)
  }
  await writeFile(file, 's3cret')
  await chmod(file, 0o644)
  const open = await examine(['--token-url', `${origin}/token`, '--client-id', 'ours', '--client-secret-file', file, '--no-token'], {
    home,
    env: {},
  })
  assert.match(open.text, /warn secrets: Other users .* -> chmod 600/)
})

test('dns and tcp: a host that is none, and a port where nobody is', async () => {
  const nowhere = await examine(['--issuer', 'https://no-such-host.invalid'])
  assert.match(nowhere.text, /fail dns: (There is no host|The name) no-such-host\.invalid/)
  assert.equal(nowhere.code, 1)
  const closed = await examine(['--issuer', 'http://127.0.0.1:1'])
  assert.match(closed.text, /fail tcp: .*port 1 of 127\.0\.0\.1 \(ECONNREFUSED\)\. -> Check the port/)
  assert.doesNotMatch(closed.text, /discovery|credentials/)
})

test('tls: a certificate of an unknown authority, of another host, expired; and one that is trusted and ends soon', async (t) => {
  const day = 86_400_000
  const ends = async (commonName: string, from: number, to: number, trusted = false): Promise<string> => {
    const names = [{ type: 2 as const, value: commonName }]
    const pems = await generate([{ name: 'commonName', value: commonName }], {
      notBeforeDate: new Date(Date.now() + from * day),
      notAfterDate: new Date(Date.now() + to * day),
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: names }],
    })
    const server = createServer({ key: pems.private, cert: pems.cert }, (_, response) => response.end())
    await new Promise<void>((listening) => {
      server.listen(0, '127.0.0.1', listening)
    })
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    const args = ['--issuer', `https://localhost:${(server.address() as AddressInfo).port}`]
    if (!trusted) return (await examine(args)).text
    const file = join(await folder(t), 'authority.pem')
    await writeFile(file, pems.cert)
    return (await callsign(['doctor', ...args], { env: { ...ENV, NODE_EXTRA_CA_CERTS: file } })).out
  }
  assert.match(
    await ends('localhost', -1, 90),
    /fail tls: The certificate of localhost is not trusted here \(DEPTH_ZERO_SELF_SIGNED_CERT\).*NODE_EXTRA_CA_CERTS/,
  )
  assert.match(await ends('other.example', -1, 90), /fail tls: The certificate is not for localhost, but for other\.example/)
  assert.match(await ends('localhost', -1, 5, true), /warn +tls +The certificate of localhost expires in [45] days/)
  assert.match(await ends('localhost', -9, -2), /fail tls: The certificate of localhost expired on \d{4}-/)
})

test('clock: far from the provider is a warning, and a failure where keys sign', async (t) => {
  const [home, provider] = [await homeOf(t), await startBreakable(t)]
  provider.date = () => new Date(Date.now() - 300_000)
  assert.match((await examine(['--issuer', provider.origin])).text, /warn clock: This machine's clock is \d+ s ahead of the provider's/)
  provider.date = () => new Date(Date.now() + 300_000)
  const args = ['--issuer', provider.origin, '--dpop']
  assert.match(
    (await examine(args, { home })).text,
    /fail clock: This machine's clock is \d+ s behind the provider's, so that what is signed here is refused/,
  )
})

test('discovery: a slash, another issuer, http for https, the discovery URL itself, a path too much, nothing at all', async (t) => {
  const provider = await startBreakable(t)
  provider.issuer = `${provider.origin}/`
  assert.match((await examine(['--issuer', provider.origin])).text, /fail discovery: The issuer differs by a slash.*--issuer http:\S+\/$/m)
  provider.issuer = 'https://other.example'
  assert.match((await examine(['--issuer', provider.origin])).text, /fail discovery: .*is of another issuer: https:\/\/other\.example/)
  provider.issuer = provider.origin.replace('http:', 'https:')
  assert.match((await examine(['--issuer', provider.origin])).text, /fail discovery: The issuer differs in http and https/)
  provider.issuer = provider.origin
  const pasted = await examine(['--issuer', `${provider.origin}/.well-known/openid-configuration`])
  assert.match(pasted.text, /fail discovery: There is no metadata under .* but there is under http:\S+\. -> Write --issuer/)
  assert.match((await examine(['--issuer', `${provider.origin}/oauth2/token`])).text, /but there is under/)
  provider.base = '/elsewhere/far'
  assert.match((await examine(['--issuer', provider.origin])).text, /fail discovery: There is no metadata under .*, nor near it/)
})

test('credentials: each refusal has its own mend', async (t) => {
  const provider = await startBreakable(t)
  const refuse = async (status: number, body: unknown, headers: Record<string, string> = {}): Promise<string> => {
    provider.token = () => ({ status, body, headers })
    return (await examine(['--issuer', provider.origin])).text
  }
  assert.match(
    await refuse(401, { error: 'invalid_client' }),
    /fail credentials: The provider does not accept this client: invalid_client \(401\).*belong together/,
  )
  assert.match(await refuse(400, { error: 'unauthorized_client' }), /fail credentials: .*unauthorized_client.*may not use this grant/)
  assert.match(await refuse(400, { error: 'unsupported_grant_type' }), /fail credentials: .*does not offer this grant/)
  assert.match(await refuse(400, { error: 'invalid_scope' }), /fail credentials: .*Ask for scopes that this client has/)
  assert.match(await refuse(429, { error: 'slow_down' }, { 'retry-after': '30' }), /fail credentials: .*Wait as long as it says/)
  assert.match(
    await refuse(200, '<html>Sign in</html>', { 'content-type': 'text/html' }),
    /fail credentials: The URL answers with a page for people/,
  )
  assert.match(await refuse(404, '{}'), /fail credentials: (There is no token endpoint|No token)/)
})

test('answer: what strict clients miss is told', async (t) => {
  const provider = await startBreakable(t)
  const { access_token } = good(provider.origin).body
  const answer = async (body: unknown, headers: Record<string, string> = {}): Promise<string> => {
    provider.token = () => ({ body, headers })
    return (
      await examine([
        '--token-url',
        `${provider.origin}/token`,
        '--dialect',
        'webcommander',
        '--username',
        'u',
        '--password-env',
        'CALLSIGN_CLIENT_SECRET',
      ])
    ).text
  }
  const untyped = await answer({ access_token, expires_in: 600 })
  assert.match(untyped, /warn answer: The answer has no token_type/)
  provider.token = () => ({ body: { access_token, token_type: 'Bearer' }, headers: { 'cache-control': 'public' } })
  const { text } = await examine(['--issuer', provider.origin])
  assert.match(text, /warn answer: The answer has no expires_in/)
  assert.match(text, /warn answer: .*Cache-Control: no-store/)
})

test('token: wrong issuer, audience, type, signature and time', async (t) => {
  const provider = await startBreakable(t)
  const args = ['--issuer', provider.origin, '--audience', 'https://api.example']
  const judge = async (token: string): Promise<string> => {
    provider.token = () => ({ body: { access_token: token, token_type: 'Bearer', expires_in: 600 } })
    return (await examine(args)).text
  }
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: provider.origin, aud: 'https://api.example', exp: now + 600 }
  assert.match(
    await judge(jwt({ ...claims, iss: `${provider.origin}/` })),
    /fail token: It is from another issuer: .*only the slash at the end differs/,
  )
  assert.match(
    await judge(jwt({ ...claims, aud: 'https://other.example' })),
    /fail token: It is for another audience: https:\/\/other\.example/,
  )
  assert.match(await judge(jwt({ ...claims, nonce: 'n' }, 'JWT')), /warn token: It is an ID token/)
  assert.match(await judge(`${jwt(claims).slice(0, -8)}AAAAAAAA`), /fail token: The signature does not belong to it/)
  assert.match(await judge(jwt({ ...claims, exp: now - 60 })), /fail token: It expired 1 min/)
  assert.match(await judge(jwt({ ...claims, iat: now + 600 })), /warn token: It is valid only in/)
  assert.match(await judge('opaque-token'), /ok token: The token is opaque/)
})

test('api: why the API refuses, and what mends it', async (t) => {
  const [provider, api] = [await startBreakable(t), await startApi(t)]
  const ask = async (status: number, headers: Record<string, string>, body = ''): Promise<string> => {
    api.answer = () => ({ status, headers, body })
    return (await examine(['--issuer', provider.origin, '--api', `${api.origin}/orders`])).text
  }
  const refused = { 'www-authenticate': 'Bearer error="invalid_token", error_description="aud is wrong"' }
  assert.match(await ask(401, refused), /fail api: The API refuses the token\. It answered 401 \(invalid_token: aud is wrong\)/)
  assert.match(
    await ask(401, {}, '{"code":"missing_api_key","detail":"Send the key too."}'),
    /fail api: The API wants an API key beside the token.*CALLSIGN_API_KEY/,
  )
  assert.match(
    await ask(403, { 'www-authenticate': 'Bearer error="insufficient_scope", scope="orders:write"' }),
    /fail api: The token has too small a scope/,
  )
  assert.match(await ask(401, {}), /fail api: The API did not accept the credentials and does not say why/)
  assert.match(await ask(404, {}), /warn api: The API has nothing at this path/)
  assert.match(await ask(503, {}), /fail api: The API cannot verify credentials now/)
  const away = await examine(['--issuer', provider.origin, '--api', `${api.origin}/`, '--api-origin', 'https://api.example'])
  assert.match(away.text, /fail api: .*is not an allowed origin/)
})

test('cache: a folder that others can look into', async (t) => {
  const [home, provider] = [await homeOf(t), await startBreakable(t)]
  const folder = join(home, '.cache', 'countersign')
  await mkdir(folder, { recursive: true, mode: 0o755 })
  await chmod(folder, 0o755)
  const { text, code } = await examine(['--issuer', provider.origin, '--no-token'], { home })
  assert.match(text, /fail cache: Other users can look into the folder of the tokens.* -> chmod 700/)
  assert.equal(code, 1)
})

test('budget: used up is a failure', async (t) => {
  const provider = await startBreakable(t)
  provider.token = (iss) => ({
    ...good(iss),
    headers: { ratelimit: '"tokens";r=0;t=864000', 'ratelimit-policy': '"tokens";q=1000;w=2592000' },
  })
  assert.match((await examine(['--issuer', provider.origin])).text, /fail budget: All 1000 tokens are used up\./)
})
