// Reuse across processes and changes: one database, one token; never the bearer in it; and what is changed beside the server cuts it.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { BOUNDED, complaint, run, serve, temporaryFolder } from './program.ts'

const SECRET = 'a secret that is long enough'

function writeConfig(folder: string, scopes: readonly string[]): string {
  const file = join(folder, 'config.json')
  const clients = [{ clientId: 'partner', secret: { hash: secretHash(SECRET) }, scopes, plan: { tokens: { limit: 5 } }, reuse: true }]
  // One issuer for all: it is part of what shapes a token.
  const issuer = 'https://auth.example.com/realms/main'
  const config = { realms: [{ id: 'main', issuer, algorithm: 'EdDSA', scopes: ['read', 'write'], clients }] }
  writeFileSync(file, JSON.stringify(config))
  return file
}

const ask = (origin: string, secret = SECRET): Promise<Answer> =>
  postForm(`${origin}/realms/main/oauth2/token`, { grant_type: 'client_credentials' }, basic('partner', secret))
const jtiOf = ({ json, text }: Answer): unknown => {
  assert.equal(typeof json['access_token'], 'string', text)
  return decodeJwt(String(json['access_token'])).jti
}
const usedOf = async (origin: string): Promise<number> => {
  const { json } = await send(`${origin}/realms/main/usage`, { headers: basic('partner', SECRET) })
  return (json['tokens'] as { used: number }).used
}

test('three servers on one folder serve one token to all, and charge it once', BOUNDED, async () => {
  const folder = temporaryFolder()
  const args = ['--config', writeConfig(folder, ['read']), '--data', join(folder, 'data')]
  const servers = [await serve(args), await serve(args), await serve(args)]
  const answers = await Promise.all(servers.flatMap(({ origin }) => Array.from({ length: 40 }, () => ask(origin))))
  assert.equal(new Set(answers.map(jtiOf)).size, 1)
  assert.equal(await usedOf(servers[0]?.origin ?? ''), 1)
  await Promise.all(servers.map((one) => one.end('SIGKILL')))
  const revived = await serve(args)
  assert.equal(jtiOf(await ask(revived.origin)), jtiOf(answers[0] as Answer), 'a killed server serves it again')
  assert.equal(await usedOf(revived.origin), 1)
  await revived.end('SIGTERM')
})

test('no file holds the bearer', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const server = await serve(['--config', writeConfig(folder, ['read']), '--data', data])
  const token = String((await ask(server.origin)).json['access_token'])
  const files = readdirSync(data).map((name) => readFileSync(join(data, name)))
  assert.ok(
    files.some((bytes) => bytes.includes(String(decodeJwt(token).jti))),
    'what it says is there',
  )
  for (const bytes of files) assert.ok(!bytes.includes(token.slice(token.lastIndexOf('.') + 1)))
  await server.end('SIGTERM')
})

test('a change of the client’s rights cuts the reuse', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const start = (scopes: readonly string[]) => serve(['--config', writeConfig(folder, scopes), '--data', data])
  const before = await start(['read'])
  const first = jtiOf(await ask(before.origin))
  await before.end('SIGTERM')
  const same = await start(['read'])
  assert.equal(jtiOf(await ask(same.origin)), first)
  await same.end('SIGTERM')
  const changed = await start(['read', 'write'])
  assert.notEqual(jtiOf(await ask(changed.origin)), first)
  await changed.end('SIGTERM')
})

test('a rotation of the secret beside the running server cuts the reuse', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const server = await serve(['--config', writeConfig(folder, ['read']), '--data', data])
  const first = jtiOf(await ask(server.origin))
  const rotated = await run(['secret', 'rotate', '--data', data, '--realm', 'main', '--client', 'partner', '--overlap', '1h']).ended
  assert.equal(rotated.code, 0, complaint(rotated))
  const secret = rotated.stdout.trim()
  const deadline = Date.now() + 10_000
  let answer = await ask(server.origin, secret)
  // 401 until it is known, perhaps 429 for asking so often; a right secret passes all the same.
  while (answer.status !== 200 && Date.now() < deadline) {
    await pause(50)
    answer = await ask(server.origin, secret)
  }
  assert.notEqual(jtiOf(answer), first)
  assert.notEqual(jtiOf(await ask(server.origin)), first, 'the old secret, which still works, gets a new one too')
  await server.end('SIGTERM')
})
