// `callsign decode` as a child process: words for the claims, and what it takes to verify them.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { callsign, folder } from './callsign_process.ts'
import { command } from './cli_world.ts'
import { serve } from './fake_provider.ts'

const now = Math.floor(Date.now() / 1000)
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const JWK = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256', use: 'sig' }

function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })}.${part(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

test('decode says in words what a token claims, and that it has not verified it', async () => {
  const token = jwt({
    iss: 'https://i.example',
    sub: 's',
    aud: ['a', 'b'],
    iat: now - 120,
    exp: now + 3725,
    scope: 'x y',
    evil: '\u001b[2J\u202e',
  })
  const { code, out } = await callsign(['decode'], { stdin: `Bearer ${token}\n` })
  assert.equal(code, 0)
  assert.match(out, /^NOT verified/)
  assert.match(out, /algorithm +ES256/)
  assert.match(out, /issuer +https:\/\/i\.example\n/)
  assert.match(out, /audience +a, b\n/)
  assert.match(out, /issued +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \(2 min( \d+ s)? ago\)/)
  assert.match(out, /expires +\S+ \(in 1 h [12] min\)|expires +\S+ \(in 1 h/)
  assert.match(out, /evil +\\u\{1b\}\[2J\\u\{202e\}\n/)
  assert.match((await callsign(['decode'], { stdin: jwt({ exp: now - 90 }) })).out, /EXPIRED 1 min/)
})

test('decode verifies with an issuer or a key set, and says why a token is not valid', async (t) => {
  const origin = await serve(t, (incoming, outgoing) => {
    const document = { issuer: origin, token_endpoint: `${origin}/token`, jwks_uri: `${origin}/jwks` }
    if (incoming.url === '/jwks') return outgoing.end(JSON.stringify({ keys: [JWK] }))
    return incoming.url === '/.well-known/openid-configuration' ? outgoing.end(JSON.stringify(document)) : outgoing.writeHead(404).end()
  })
  const file = join(await folder(t), 'jwks.json')
  await writeFile(file, JSON.stringify({ keys: [JWK] }))
  const good = jwt({ iss: origin, sub: 's', aud: 'api', iat: now, exp: now + 60 })
  const forged = `${good.slice(0, -8)}AAAAAAAA`
  const cases: [string, string[], number, RegExp][] = [
    [good, ['--issuer', origin, '--audience', 'api'], 0, /^Verified: [^\n]*expired\.\n/],
    [good, ['--jwks', file], 0, /^Verified[^\n]*Not checked: issuer \(--issuer\), audience/],
    [good, ['--jwks', `${origin}/jwks`, '--audience', 'other'], 1, /^NOT valid: It is for another audience: api, not other\.\n/],
    [forged, ['--issuer', origin], 1, /^NOT valid: The signature does not belong to it/],
    [jwt({ iss: origin, aud: 'api', exp: now - 1 }), ['--jwks', file], 1, /^NOT valid: It expired 1 s ago\.|^NOT valid: It expired/],
    [
      jwt({ iss: 'https://other.example', aud: 'api', exp: now + 60 }),
      ['--issuer', origin],
      1,
      /^NOT valid: It is from another issuer: https:\/\/other\.example, not http/,
    ],
  ]
  for (const [token, args, code, sentence] of cases) {
    const ran = await command(['decode', ...args], { stdin: token })
    assert.equal(ran.code, code, ran.err)
    assert.match(ran.out, sentence)
  }
})

test('decode tells an opaque token from a broken one', async () => {
  const [opaque, broken] = await Promise.all([callsign(['decode'], { stdin: 'abcdef' }), callsign(['decode'], { stdin: 'a.b.c' })])
  assert.deepEqual([opaque.code, broken.code], [1, 1])
  assert.match(opaque.err, /opaque token/)
  assert.doesNotMatch(broken.err, /opaque/)
})

test('a token is refused as an argument, and not repeated', async () => {
  const token = jwt({ iss: 'https://i.example', exp: now + 60 })
  const { code, out, err } = await command(['decode', token])
  assert.deepEqual([code, out], [2, ''])
  assert.match(err, /A token is no argument/)
  assert.ok(!err.includes(token.slice(0, 20)))
})

test('decode reads a file, and says all that is wrong at once', async (t) => {
  const [tokenFile, keys] = [join(await folder(t), 'token'), join(await folder(t), 'jwks.json')]
  await writeFile(keys, JSON.stringify({ keys: [JWK] }))
  await writeFile(tokenFile, jwt({ iss: 'https://i.example', aud: 'api', exp: now - 3600, cnf: { jkt: 'abc' } }))
  const { code, out } = await command(['decode', tokenFile, '--jwks', keys, '--issuer', 'https://i.example/', '--audience', 'other'])
  assert.equal(code, 1)
  assert.match(out, /^NOT valid: It is from another issuer[^\n]*only the slash[^\n]*another audience[^\n]*It expired 1 h/)
  assert.match(out, /ok +signature/)
  assert.match(out, /FAIL +audience/)
  assert.match(out, /bound to +a key \(DPoP\)/)
})

test('an ID token is told from an access token, and an encrypted one from both', async (t) => {
  const keys = join(await folder(t), 'jwks.json')
  await writeFile(keys, JSON.stringify({ keys: [JWK] }))
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'ES256', typ: 'JWT', kid: 'k1' })}.${part({ iss: 'i', aud: 'c', nonce: 'n', exp: now + 60 })}`
  const id = `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  assert.match((await command(['decode', '--jwks', keys], { stdin: id })).out, /^NOT valid: It is an ID token/)
  const encrypted = await command(['decode'], { stdin: `${part({ alg: 'dir', enc: 'A256GCM' })}..aaaa.bbbb.cccc` })
  assert.match(encrypted.err, /encrypted \(JWE\)/)
})

test('decode --verify without anything to verify by says what to give', async () => {
  const { code, err } = await command(['decode', '--verify'], { stdin: jwt({ exp: now }) })
  assert.equal(code, 2)
  assert.match(err, /no profile to take the issuer from: verify with --issuer/)
})
