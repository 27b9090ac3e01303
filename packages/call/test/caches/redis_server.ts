// A Redis server of the test's own, on a socket in a folder of its own, without a file of data; and both npm clients for it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'iovalkey'
import { createClient } from 'redis'
import type { KeyValueStore } from '../../src/caches/key_value_cache.ts'
import { fromIoredis, fromNodeRedis } from '../../src/caches/redis_store.ts'

const PROGRAM = 'redis-server'
/** Why these tests are skipped here, or false. */
export const NO_REDIS = spawnSync(PROGRAM, ['--version']).status === 0 ? false : 'redis-server is not installed'

export interface Connection {
  readonly store: KeyValueStore
  /** One command of the client, for looking at what is stored. */
  readonly keys: () => Promise<string[]>
  readonly close: () => Promise<void>
}

export interface RedisServer {
  readonly socket: string
  readonly stop: () => Promise<void>
}

export async function startRedis(): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'call-redis-'))
  const socket = join(folder, 'redis.sock')
  const child = spawn(PROGRAM, ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder])
  child.stdout.resume()
  const exited = once(child, 'exit')
  await Promise.race([
    reachable(socket),
    exited.then(() => {
      throw new Error('redis-server ended')
    }),
  ])
  return {
    socket,
    async stop() {
      child.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function connectIovalkey(socket: string): Promise<Connection> {
  const client = new Redis({ path: socket, lazyConnect: true })
  client.on('error', () => undefined)
  await client.connect()
  return {
    store: fromIoredis(client),
    keys: () => client.keys('*'),
    close: () => {
      client.disconnect()
      return Promise.resolve()
    },
  }
}

export async function connectNodeRedis(socket: string): Promise<Connection> {
  const client = createClient({ socket: { path: socket, tls: false } })
  client.on('error', () => undefined)
  await client.connect()
  return {
    store: fromNodeRedis(client),
    keys: () => client.keys('*'),
    close: () => {
      client.destroy()
      return Promise.resolve()
    },
  }
}

async function reachable(socket: string): Promise<void> {
  while (true) {
    const connected = await new Promise<boolean>((answer) => {
      const probe = connect(socket)
      probe.once('connect', () => {
        probe.destroy()
        answer(true)
      })
      probe.once('error', () => answer(false))
    })
    if (connected) return
    await wait(10)
  }
}
