// The realm's public keys, as a JWK Set and one by one as PEM. RFC 7517.
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { after, before, test } from 'node:test'
import { accessToken } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const PLACES = [
  ['willba', '/realms/willba/protocol/openid-connect/certs', '/realms/willba/protocol/openid-connect/certs/'],
  ['wave', '/realms/wave/.well-known/jwks.json', '/realms/wave/.well-known/keys/'],
  ['webcommander', '/realms/webcommander/api/v4/oauth2/jwks', '/realms/webcommander/api/v4/oauth2/keys/'],
] as const
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

for (const [realm, jwks, pem] of PLACES) {
  test(`${realm}: the set has the one key, public parts only, named and with its algorithm`, async () => {
    const answer = await send(server.origin + jwks)
    assert.equal(answer.status, 200)
    const keys = answer.json['keys'] as Record<string, unknown>[]
    assert.equal(keys.length, 1)
    assert.deepEqual(
      [keys[0]?.['use'], typeof keys[0]?.['kid'], keys[0]?.['alg']],
      ['sig', 'string', realm === 'webcommander' ? 'ES256' : 'RS256'],
    )
    for (const key of keys) for (const name of PRIVATE) assert.ok(!(name in key), `${name} is private`)
  })

  test(`${realm}: the same key stands there as PEM`, async () => {
    const [key] = (await send(server.origin + jwks)).json['keys'] as { kid: string; use?: string; alg?: string }[]
    const answer = await send(`${server.origin}${pem}${key?.kid}.pem`)
    assert.equal(answer.status, 200)
    const { kid: _, use: __, alg: ___, ...parts } = key ?? { kid: '' }
    assert.deepEqual(createPublicKey(answer.text).export({ format: 'jwk' }), parts)
  })

  test(`${realm}: a key of another name is not there`, async () => {
    for (const name of ['none', '__proto__', '..', '%2e%2e', 'a'.repeat(5000), ''])
      assert.equal((await send(`${server.origin}${pem}${name}.pem`)).status, 404)
  })
}

test('a token’s signature verifies with the PEM alone', async () => {
  const token = await accessToken(server.origin, 'willba')
  const [header = '', payload = '', signature = ''] = token.split('.')
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
  const pem = (await send(`${server.origin}/realms/willba/protocol/openid-connect/certs/${kid}.pem`)).text
  assert.ok(verify('sha256', Buffer.from(`${header}.${payload}`), pem, Buffer.from(signature, 'base64url')))
})

test('no two realms share a key', async () => {
  const sets = await Promise.all(PLACES.map(async ([, path]) => (await send(server.origin + path)).json['keys'] as { kid: string }[]))
  assert.equal(new Set(sets.flat().map((key) => key.kid)).size, PLACES.length)
})

test('only GET and HEAD are taken', async () => {
  for (const [, path] of PLACES) {
    const answer = await send(server.origin + path, { method: 'POST' })
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET'])
  }
})
