// Whoever sends requests writes no line of the log and names none of them, behind a trusted proxy too. Over raw sockets.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { secretHash } from '../../src/model/secret_hash.ts'
import { exchange } from '../harness/raw.ts'
import { startEcho } from '../harness/upstream.ts'
import { BOUNDED, serve } from '../process/program.ts'
import { folder, SHOP } from './used.ts'

const FORGED = '{"time":"2026","level":"request","client_id":"admin","status":200}'
const VALUES = [
  `a\\r\\n${FORGED}`,
  'a\u0085b',
  'a\u00e9b',
  '\u009b31m',
  '"}{"level":"error',
  '$'.concat('{jndi:ldap://evil.example/a}'),
  '%0d%0aSet-Cookie:%20a=b',
  'x'.repeat(129),
  'a b',
  'a,b',
  '',
]

test('each request is one line, whose words are none of the caller’s, and its id is safe or ours', BOUNDED, async () => {
  const upstream = await startEcho()
  const config = join(folder(), 'countersign.json')
  const client = { clientId: 'shop', secret: { hash: secretHash(SHOP) } }
  const input = {
    listen: { trustedProxies: ['127.0.0.1'] },
    log: { requests: true },
    realms: [{ id: 'depot', audiences: ['goods'], clients: [client] }],
    apis: [{ id: 'goods', realm: 'depot', upstream: upstream.origin }],
  }
  writeFileSync(config, JSON.stringify(input))
  const server = await serve(['--config', config])
  const host = server.origin.slice('http://'.length)
  let sent = 0
  const ask = async (target: string, ...fields: readonly string[]): Promise<string> => {
    sent += 1
    const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields]
    return exchange(server.origin, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'))
  }
  for (const value of VALUES) {
    for (const name of ['X-Request-Id', 'User-Agent', 'X-Forwarded-For', 'Forwarded', 'Traceparent', 'Authorization', 'Referer']) {
      for (const target of ['/apis/goods/a', '/realms/depot/oauth2/token']) {
        const said = await ask(target, `${name}: ${value}`)
        const [, id = ''] = /^x-request-id: (.*)\r$/im.exec(said) ?? []
        assert.match(id, /^[\w-]{6,40}$/, `${name}: ${value}`)
        assert.equal(said.match(/^set-cookie/gim), null)
      }
    }
    await ask(`/apis/goods/${encodeURIComponent(value)}?${encodeURIComponent(value)}`)
  }
  // Two names for one request are none.
  assert.doesNotMatch(await ask('/apis/goods/a', 'X-Request-Id: one', 'X-Request-Id: two'), /^x-request-id: .*(one|two)/im)
  assert.match(await ask('/apis/goods/a', 'X-Request-Id: safe-1'), /^x-request-id: safe-1\r$/im)
  await server.end('SIGTERM')
  await upstream.close()

  const lines = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"level"'))
  assert.equal(lines.length, sent)
  for (const line of lines) {
    assert.equal((JSON.parse(line) as { level: string }).level, 'request')
    assert.match(line, /^[\x20-\x7e]+$/)
    assert.doesNotMatch(line, /admin|evil|Set-Cookie|xxx/)
  }
  assert.doesNotMatch(server.stderr(), /admin|evil/)
})
