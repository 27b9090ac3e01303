// Discovery against servers that are right, wrong and hostile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import { discover, metadataUrls } from '../src/discover.ts'
import { serve, startProvider } from './fake_provider.ts'

const transport = { fetch: globalThis.fetch, timeoutMs: 2000, now: () => 0 }

test('both standards are looked for, in the places they name', () => {
  assert.deepEqual(metadataUrls(new URL('https://x.example/realms/a')), [
    'https://x.example/realms/a/.well-known/openid-configuration',
    'https://x.example/.well-known/oauth-authorization-server/realms/a',
    'https://x.example/.well-known/openid-configuration/realms/a',
  ])
  assert.deepEqual(metadataUrls(new URL('https://x.example/')), [
    'https://x.example/.well-known/openid-configuration',
    'https://x.example/.well-known/oauth-authorization-server',
  ])
})

test('a client made of an issuer finds its endpoints once and authenticates as the metadata says', async (t) => {
  const provider = await startProvider(t)
  const asked: string[] = []
  const origin = await serve(t, (incoming, outgoing) => {
    asked.push(incoming.url ?? '')
    if (incoming.url !== '/.well-known/oauth-authorization-server/tenant') return outgoing.writeHead(404).end('<html>')
    const document = {
      issuer: `${origin}/tenant`,
      token_endpoint: provider.tokenUrl,
      token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_post'],
    }
    return outgoing.end(JSON.stringify(document))
  })
  const client = createClient({ issuer: `${origin}/tenant`, clientId: 'ours', clientSecret: 'our-secret' })
  await Promise.all([client.token(), client.token()])
  await client.invalidate()
  await client.token()
  assert.equal(asked.length, 2)
  assert.equal(provider.requests.length, 2)
  assert.equal(provider.requests[0]?.basic, undefined)
  assert.equal(provider.requests[0]?.parameters.get('client_secret'), 'our-secret')
})

test('metadata that cannot be trusted is a typed failure, and its endpoint is never asked', async (t) => {
  const provider = await startProvider(t)
  const cases: [string, (origin: string) => { status?: number; body: unknown; location?: string }][] = [
    ['issuer_mismatch', (origin) => ({ body: { issuer: `${origin}/`, token_endpoint: provider.tokenUrl } })],
    ['issuer_mismatch', () => ({ body: { issuer: 'https://login.example.com', token_endpoint: provider.tokenUrl } })],
    ['unreadable_answer', (origin) => ({ body: { issuer: origin } })],
    ['unreadable_answer', (origin) => ({ body: { issuer: origin, token_endpoint: 'http://login.example.com/token' } })],
    ['unreadable_answer', (origin) => ({ body: { issuer: origin, token_endpoint: 'https://a:b@login.example.com/token' } })],
    ['unreadable_answer', (origin) => ({ body: { issuer: origin, token_endpoint: provider.tokenUrl, jwks_uri: 'file:///etc/passwd' } })],
    ['not_found', (origin) => ({ body: `{"issuer":"${origin}","token_endpoint":"${provider.tokenUrl}"` })],
    ['not_found', (origin) => ({ body: { issuer: origin, token_endpoint: provider.tokenUrl, padding: 'x'.repeat(70_000) } })],
    ['not_found', (origin) => ({ status: 302, location: `${origin}/real`, body: '' })],
    ['not_found', () => ({ body: '[]' })],
    ['unreachable', () => ({ status: 500, body: '' })],
  ]
  for (const [code, answer] of cases) {
    const origin = await serve(t, (_, outgoing) => {
      const { status = 200, body, location } = answer(origin)
      outgoing.writeHead(status, location === undefined ? {} : { location }).end(typeof body === 'string' ? body : JSON.stringify(body))
    })
    await assert.rejects(discover(origin, transport), { name: 'DiscoveryFailed', code })
    await assert.rejects(createClient({ issuer: origin, clientId: 'ours', clientSecret: 'x' }).token(), { name: 'DiscoveryFailed', code })
  }
  assert.equal(provider.requests.length, 0)
})

test('an issuer that differs by the slash at its end is told so, and of any other nothing is repeated', async () => {
  const issuer = 'https://login.example.com'
  const says = async (asked: string, told: unknown): Promise<string> => {
    const fetch: typeof globalThis.fetch = () => Promise.resolve(Response.json({ issuer: told, token_endpoint: `${issuer}/token` }))
    return await discover(asked, { ...transport, fetch }).then(
      () => 'nothing',
      (error: unknown) => String(error),
    )
  }
  assert.match(await says(issuer, `${issuer}/`), /^DiscoveryFailed: [^\n]*give the issuer with the slash at its end\.$/)
  assert.match(await says(`${issuer}/`, issuer), /^DiscoveryFailed: [^\n]*give the issuer without the slash at its end\.$/)
  for (const told of ['https://evil.example', undefined, 7, { toString: 1 }]) {
    assert.match(await says(issuer, told), /^DiscoveryFailed: [^\n]*give the issuer exactly as the provider writes it\.$/)
  }
  assert.doesNotMatch(await says(issuer, 'https://evil.example'), /evil/)
})

test("a stranger's metadata cannot send credentials to this machine", async () => {
  const document = { issuer: 'https://login.example.com', token_endpoint: 'http://127.0.0.1:9/token' }
  const fetch: typeof globalThis.fetch = () => Promise.resolve(Response.json(document))
  await assert.rejects(discover('https://login.example.com', { ...transport, fetch }), { code: 'unreadable_answer' })
})
