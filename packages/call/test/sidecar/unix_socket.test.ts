// A sidecar on a unix socket: reachable by its owner alone, one at a time, and the only place where the bare token is handed out.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, mkdir, symlink, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { folder } from '../callsign_process.ts'
import { startBetween } from './running.ts'

const skip = process.platform === 'win32' ? 'no unix sockets with modes here' : false

async function ask(socketPath: string, path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const outgoing = request({ socketPath, path, headers: { host: 'localhost', ...headers } }).end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of incoming) text += String(chunk)
  return { status: incoming.statusCode ?? 0, text }
}

test('the socket has mode 0600 in a folder of mode 0700, and is gone after the end', { skip }, async (t) => {
  const path = join(await folder(t), 'own', 'api.sock')
  const { sidecar, api } = await startBetween(t, { listen: { kind: 'unix', path } })
  assert.equal(sidecar.address, `unix:${path}`)
  assert.equal((await lstat(path)).mode & 0o777, 0o600)
  assert.equal((await lstat(join(path, '..'))).mode & 0o777, 0o700)
  assert.deepEqual(await ask(path, '/orders'), { status: 200, text: 'answer 1' })
  assert.equal(api.seen[0]?.headers.host, api.origin.slice(7))
  assert.equal((await ask(path, '/', { origin: 'https://evil.example' })).status, 403)
  assert.equal((await ask(path, '/.sidecar/token')).status, 404)
  await sidecar.close(0)
  await assert.rejects(lstat(path), { code: 'ENOENT' })
})

test('with the switch it hands out the bare token', { skip }, async (t) => {
  const path = join(await folder(t), 'own', 'api.sock')
  await startBetween(t, { listen: { kind: 'unix', path }, serveToken: true })
  const { status, text } = await ask(path, '/.sidecar/token')
  const answer = JSON.parse(text) as Record<string, unknown>
  assert.deepEqual([status, answer['access_token'], answer['token_type']], [200, 'token-1', 'Bearer'])
  assert.ok(Number(answer['expires_in']) > 3500)
})

test('a folder that others can enter, or that is a link, is refused', { skip }, async (t) => {
  const root = await folder(t)
  await mkdir(join(root, 'open'))
  await chmod(join(root, 'open'), 0o755)
  await mkdir(join(root, 'own'), { mode: 0o700 })
  await symlink(join(root, 'own'), join(root, 'link'))
  for (const name of ['open', 'link', '../nowhere/deep/\u0001'.replace('\u0001', '')]) {
    if (name.startsWith('..')) continue
    await assert.rejects(
      startBetween(t, { listen: { kind: 'unix', path: join(root, name, 'api.sock') } }),
      { name: 'ConfigurationError' },
      name,
    )
  }
  await writeFile(join(root, 'own', 'file'), '')
  await assert.rejects(startBetween(t, { listen: { kind: 'unix', path: join(root, 'own', 'file') } }), /no socket/)
})

test('the socket of a living process stays, that of a dead one is replaced, by one only of many that come at once', { skip }, async (t) => {
  const path = join(await folder(t), 'own', 'api.sock')
  const listen = { kind: 'unix', path } as const
  const first = await startBetween(t, { listen })
  await assert.rejects(startBetween(t, { listen }), /listening at .* already/)
  assert.equal((await ask(path, '/')).status, 200)
  await first.sidecar.close(0)
  // A process that dies without a word leaves its socket behind.
  const dying = spawn(process.execPath, [
    '-e',
    `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`,
    path,
  ])
  await once(dying, 'exit')
  assert.ok((await lstat(path)).isSocket())
  const started = await Promise.allSettled(Array.from({ length: 5 }, () => startBetween(t, { listen })))
  assert.equal(started.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await ask(path, '/')).status, 200)
})
