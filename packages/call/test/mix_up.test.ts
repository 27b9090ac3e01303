// One provider that passes itself off as another: by its documents, by the audience of what a client signs, by where it sends it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { createClient } from '../src/client.ts'
import { discover } from '../src/discover.ts'
import { describeRealm } from '../src/realm_document.ts'
import { serve } from './fake_provider.ts'

test('a realm that names the issuer of another is refused, so that no assertion is signed for that one and sent here', async (t) => {
  let told: unknown
  const origin = await serve(t, (_, outgoing) => outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told)))
  const url = `${origin}/realms/a`
  for (const issuer of [
    'https://honest.example/realms/a',
    'https://honest.example',
    origin.replace('127.0.0.1', 'localhost'),
    'nonsense',
  ]) {
    told = { realm: 'a', issuer, dialects: [resolveDialect('standard')] }
    await assert.rejects(describeRealm(url, { fetch }), { name: 'DiscoveryFailed', code: 'issuer_mismatch' }, issuer)
  }
  told = { realm: 'a', issuer: origin, dialects: [resolveDialect('standard')] }
  assert.equal((await describeRealm(url, { fetch })).issuer, origin)
})

test('metadata of an issuer that only begins alike is none of it, and its endpoints are not called', async () => {
  const issuer = 'https://login.example.com/a'
  for (const other of [
    `${issuer}/`,
    `${issuer}b`,
    'https://login.example.com',
    `${issuer}/../a`,
    'https://LOGIN.example.com/a',
    [issuer],
    { toString: issuer },
  ]) {
    const asked: string[] = []
    const fetch = async (url: string | URL | Request): Promise<Response> => {
      asked.push(urlOf(url))
      return Response.json({ issuer: other, token_endpoint: 'https://evil.example/token' })
    }
    await assert.rejects(discover(issuer, { fetch, now: () => 0, timeoutMs: 1000 }), { code: 'issuer_mismatch' })
    assert.ok(asked.every((url) => url.startsWith('https://login.example.com/')))
  }
})

test('metadata of a stranger leads to no service of this machine, in whatever spelling of its address', async () => {
  const issuer = 'https://login.example.com'
  const near = [
    'http://127.0.0.1:8080/token',
    'https://127.0.0.1/token',
    'https://2130706433/token',
    'https://0x7f.1/token',
    'https://[::1]/token',
    'https://localhost/token',
    'https://LOCALHOST/token',
    'https://localhost./token',
    'https://a.localhost/token',
    'https://a.b.localhost/token',
    'https://[::ffff:127.0.0.1]/token',
    'https://0.0.0.0/token',
    'https://[::]/token',
    'http://169.254.169.254/token',
    'file:///etc/passwd',
    'https://u:p@login.example.com/token',
  ]
  for (const place of near) {
    const sent: string[] = []
    const fetch = async (url: string | URL | Request): Promise<Response> => {
      sent.push(urlOf(url))
      return Response.json({ issuer, token_endpoint: place })
    }
    const client = createClient({ issuer, clientId: 'ours', clientSecret: 'our-secret', fetch })
    await assert.rejects(client.token(), { name: 'DiscoveryFailed', code: 'unreadable_answer' }, place)
    assert.equal(sent.length, 1, place)
  }
})

function urlOf(url: string | URL | Request): string {
  return url instanceof Request ? url.url : url.toString()
}
