// What the program listens on, what it refuses to listen on, and which listener answers what.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { secretHash } from '../../src/model/secret_hash.ts'
import { send } from '../harness/http.ts'
import type { RunOptions } from './program.ts'
import { BOUNDED, complaint, freePort, isOneSentence, run, serve, temporaryFolder } from './program.ts'
import { callApi, clientCredentials, DESK, startUpstream, tokensOf, writeShop } from './shop.ts'

let config: string
const taken = createServer().listen(0, '127.0.0.1')
before(async () => {
  config = await writeShop(temporaryFolder(), await startUpstream())
  if (!taken.listening) await once(taken, 'listening')
})
after(() => void taken.close())
const takenPort = (): string => `${(taken.address() as AddressInfo).port}`

const FREE = ['--port', '0', '--management-port', '0']

/** The command must end with 2 and one sentence that matches, and say nothing else. */
const assertRefused = async (args: readonly string[], sentence: RegExp, options: RunOptions = {}): Promise<void> => {
  const ending = await run(args, options).ended
  assert.deepEqual([ending.code, ending.stdout], [2, ''], ending.stderr)
  assert.ok(isOneSentence(complaint(ending)), ending.stderr)
  assert.match(complaint(ending), sentence)
}

test('a port that is in use is named with its flag, whichever listener wants it', BOUNDED, async () => {
  const port = takenPort()
  const inUse = (flag: string) => new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is in use: .* with ${flag}\\.\\n$`)
  await assertRefused(['serve', '--demo', '--port', port, '--management-port', '0'], inUse('--port'))
  await assertRefused(['serve', '--config', config, '--port', '0', '--management-port', port], inUse('--management-port'))
  await assertRefused(['serve', '--demo', '--management-port', '0'], inUse('--port'), { env: { PORT: port } })
})

test('a privileged port is named with the mend', BOUNDED, async (context) => {
  const first = process.platform === 'linux' ? Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8')) : 1024
  if (first <= 80 || process.platform === 'win32') return context.skip('here every user may open port 80')
  const options = process.getuid?.() === 0 ? { uid: 65_534 } : {}
  await assertRefused(
    ['serve', '--demo', '--port', '80', '--management-port', '0'],
    /^Port 80 on .* may not be opened by this user: .*--port\.\n$/,
    options,
  )
})

test('ports and hosts that are none are refused with the name of the flag or variable', BOUNDED, async () => {
  const notWhole = /^--port must be a whole number from 0 to 65535\.\n$/
  const ports = ['65536', '-1', '8e3', ' 80', '0x50']
  await Promise.all(ports.map((port) => assertRefused(['serve', '--demo', `--port=${port}`, '--management-port', '0'], notWhole)))
  await assertRefused(['serve', '--demo', '--port', '0', '--management-port', 'x'], /^--management-port must be a whole number/)
  await assertRefused(['serve', '--demo', '--management-port', '0'], /^COUNTERSIGN_PORT must be a whole number/, {
    env: { COUNTERSIGN_PORT: 'x' },
  })
  await assertRefused(['serve', '--demo', '--port', '8123', '--management-port', '8123'], /^--management-port is 8123 like the public port/)
  await assertRefused(['serve', '--config', config, ...FREE, '--host', 'http://x/'], /^--host must be a host name or an IP address/)
})

test('flags and commands that are none are refused', BOUNDED, async () => {
  await assertRefused(['serve', '--demo', '--prot', '1'], /^There is no option '--prot'/)
  await assertRefused(['serve', '--demo', '--port'], /^The option '--port/)
  await assertRefused(['serve', '--demo', 'extra'], /^'extra' is a word too many/)
  await assertRefused(['serve'], /^There is nothing to serve/)
  await assertRefused(['serve', '--demo', '--config', config], /^--config does not go with --demo/)
  await assertRefused(['serve', '--config', join(config, 'absent.json')], /absent\.json/)
  await assertRefused(['sevre'], /^There is no command 'sevre'/)
})

test('the demo listens on loopback only', BOUNDED, async () => {
  const hosts = ['0.0.0.0', '::', '192.0.2.1', 'example.com']
  const refusal = /^--host is .*, but the demo's credentials are public/
  await Promise.all(hosts.map((host) => assertRefused(['serve', '--demo', ...FREE, '--host', host], refusal)))
  await assertRefused(['serve', '--demo', ...FREE], /^COUNTERSIGN_HOST is 0\.0\.0\.0, but/, { env: { COUNTERSIGN_HOST: '0.0.0.0' } })
})

test('health and metrics answer on the management listener alone, realms and APIs on the public one alone', BOUNDED, async () => {
  const server = await serve(['--config', config])
  const { origin, managementOrigin } = server
  const { access } = tokensOf(await clientCredentials(origin, DESK))
  assert.equal((await callApi(origin, access)).status, 200)

  for (const path of ['/health/live', '/health/ready']) {
    const answer = await send(managementOrigin + path)
    assert.deepEqual([answer.status, answer.json['status']], [200, 'ok'])
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  }
  const metrics = await send(`${managementOrigin}/metrics`)
  assert.equal(metrics.status, 200)
  assert.match(metrics.text, /^countersign_verdicts_total\{api="shop",code="allowed"\} 1$/m)

  for (const path of ['/health/live', '/health/ready', '/metrics', '/apis/shop/../../metrics', '//metrics']) {
    assert.equal((await send(origin + path)).status, 404, path)
  }
  const { port } = new URL(managementOrigin)
  // A caller of the public listener cannot reach the other one by naming it.
  assert.equal(await statusWithHost(`${origin}/metrics`, `127.0.0.1:${port}`), 404)
  for (const path of ['/realms/shop/oauth2/token', '/realms/shop/.well-known/jwks.json', '/apis/shop/orders', '/']) {
    assert.equal((await send(managementOrigin + path)).status, 404, path)
  }
  assert.equal((await send(`${managementOrigin}/health/live`, { method: 'POST' })).status, 405)
  assert.equal((await send(`${managementOrigin}/health/live`, { method: 'HEAD' })).status, 200)
  assert.equal((await server.end('SIGTERM')).code, 0)
})

const statusWithHost = (url: string, host: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })

test('whoever asks while the server starts hears 503, not that there is no such endpoint', BOUNDED, async () => {
  const folder = temporaryFolder()
  // So many that storing them takes a while after the listeners are open.
  const clients = Array.from({ length: 5000 }, (_, n) => ({ clientId: `client-${n}`, secret: { hash: secretHash(`secret ${n}`) } }))
  const file = await writeShop(folder, 'http://127.0.0.1:9', { realms: [{ id: 'many', audiences: ['https://many.example'], clients }] })
  const port = await freePort()
  const program = run(['serve', '--config', file, '--data', join(folder, 'data'), '--port', port, '--management-port', '0'])
  const started = { yet: false }
  void Promise.race([once(program.child.stdout, 'data'), program.ended]).then(() => {
    started.yet = true
  })

  const seen = new Map<number, number>()
  while (!started.yet) {
    const answer = await send(`http://127.0.0.1:${port}/realms/shop/.well-known/jwks.json`).catch(() => undefined)
    if (answer === undefined) await turn()
    else seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
    if (answer?.status === 503) assert.match(answer.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
  }
  assert.equal((await send(`http://127.0.0.1:${port}/realms/shop/.well-known/jwks.json`)).status, 200, program.stderr())
  assert.deepEqual(
    [...seen.keys()].filter((status) => status !== 503 && status !== 200),
    [],
  )
  assert.ok((seen.get(503) ?? 0) > 0, 'somebody asked while it started')
  await program.end('SIGTERM')
})
