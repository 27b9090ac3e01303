// Workers that share a listener, seen from outside: how they start, are replaced and end, and what a bad start says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { send } from '../harness/http.ts'
import { ask, call, token, until, writeMarket } from '../nodes/market.ts'
import type { Serving } from '../process/program.ts'
import { BOUNDED, complaint, isOneSentence, run, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'

async function start(...args: string[]): Promise<Serving> {
  const folder = temporaryFolder()
  const config = writeMarket(folder, await startUpstream())
  return serve(['--config', config, '--data', join(folder, 'data'), '--workers', '2', ...args])
}

/** Ids of the processes that the supervisor started. */
function workersOf({ child }: Pick<Serving, 'child'>): number[] {
  const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ')
  return pids.filter((pid) => pid !== '').map(Number)
}

const readyOf = async (server: Serving) => (await send(`${server.managementOrigin}/health/ready`)).json['workers']
const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

test('two workers serve behind one banner, say how many are ready, count together, and drain at SIGTERM', BOUNDED, async () => {
  const server = await start()
  assert.match(server.stdout(), /\n {2}workers {6}2\n/)
  assert.equal(server.stdout().match(/public /g)?.length, 1)
  const texts = await Promise.all(Array.from({ length: 16 }, () => token(server.origin, 'baker')))
  for (const text of texts) assert.equal(await call(server.origin, text), 200)
  assert.deepEqual(await readyOf(server), { ready: 2, of: 2 })
  const metrics = (await send(`${server.managementOrigin}/metrics`)).text
  const counted = /^countersign_token_requests_total\{[^}]*\} (\d+)$/m.exec(metrics)?.[1]
  assert.equal(Number(counted), 16, metrics)
  const workers = workersOf(server)
  assert.equal(workers.length, 2)
  assert.equal((await server.end('SIGTERM')).code, 0)
  assert.ok(workers.every(isGone))
})

test('a worker that is killed is replaced while the other serves, and the operator is told', BOUNDED, async () => {
  const server = await start()
  const [victim, other] = workersOf(server)
  assert.ok(victim !== undefined && other !== undefined)
  process.kill(victim, 'SIGKILL')
  await until(async () => !workersOf(server).includes(victim))
  const text = await token(server.origin, 'baker')
  assert.equal(await call(server.origin, text), 200)
  await until(async () => workersOf(server).length === 2 && JSON.stringify(await readyOf(server)) === '{"ready":2,"of":2}')
  assert.ok(workersOf(server).includes(other))
  const { code, stderr } = await server.end('SIGTERM')
  assert.equal(code, 0)
  assert.match(stderr, new RegExp(`Worker ${victim} ended with SIGKILL: another takes its place\\.`))
})

test('when the supervisor is killed its workers end themselves, and the port is free', BOUNDED, async () => {
  const server = await start()
  const workers = workersOf(server)
  await server.end('SIGKILL')
  await until(async () => workers.every(isGone))
  await assert.rejects(ask(server.origin, 'baker'))
})

test('state in memory cannot be shared: one sentence, exit 2', BOUNDED, async () => {
  for (const args of [['--demo'], ['--config', writeMarket(temporaryFolder(), 'http://127.0.0.1:9')]]) {
    const ending = await run(['serve', ...args, '--workers', '2', '--port', '0', '--management-port', '0']).ended
    assert.equal(ending.code, 2)
    assert.match(complaint(ending), /^--workers is 2, but state in memory is each process's own: .* --data DIR or --database URL\.\n$/)
  }
})

test('a number of workers that is none is one sentence, exit 2', BOUNDED, async () => {
  for (const [args, env] of [
    [['--workers', '0'], {}],
    [['--workers', 'many'], {}],
    [[], { COUNTERSIGN_WORKERS: '1000' }],
  ] as const) {
    const ending = await run(['serve', '--demo', ...args, '--port', '0'], { env }).ended
    assert.deepEqual([ending.code, isOneSentence(complaint(ending))], [2, true], ending.stderr)
    assert.match(ending.stderr, /must be a whole number from 1 to 128, or auto/)
  }
})

test('a port that is taken is the same sentence as without workers, for either listener, said once', BOUNDED, async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  for (const [flag, other] of [
    ['--port', '--management-port'],
    ['--management-port', '--port'],
  ] as const) {
    const args = ['serve', '--demo', '--data', temporaryFolder(), '--workers', '2', flag, `${port}`, other, '0']
    const ending = await run(args).ended
    assert.equal(ending.code, 2, ending.stderr)
    const said = `Port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another with ${flag}.\n`
    assert.equal(complaint(ending), said)
  }
  taken.close()
})

test('workers that cannot start any more are given up with one sentence, exit 1', BOUNDED, async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'countersign.mjs')
  const flag = join(folder, 'broken')
  const market = readFileSync(writeMarket(folder, await startUpstream()), 'utf8')
  const broken = `if (existsSync(${JSON.stringify(flag)})) process.kill(process.pid, 'SIGKILL')`
  writeFileSync(file, `import { existsSync } from 'node:fs'\n${broken}\nexport default ${market}\n`)
  const server = await serve(['--config', file, '--data', join(folder, 'data'), '--workers', '2'])
  writeFileSync(flag, '')
  for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL')
  const { code, stderr } = await server.ended
  assert.equal(code, 1)
  assert.match(stderr, /8 workers in a row ended right after their start, the last with SIGKILL: look at what they wrote above\.\n$/)
})
