// Redis and Valkey as a store, by the client that the user has already: it needs one function of it, and every step is one script
// on the server, so atomic there. Entries end at a moment of the server's clock, however late they arrive.
import type { KeyValueStore } from './key_value_cache.ts'

/** Runs a Lua script (EVAL): the one thing asked of a client. */
export type Evaluate = (script: string, name: string, values: readonly string[]) => Promise<unknown>

/** What is used of `iovalkey` and `ioredis`. */
export interface IoredisClient {
  readonly eval: (script: string, keys: number, ...rest: string[]) => Promise<unknown>
}

/** What is used of `redis` (node-redis). */
export interface NodeRedisClient {
  readonly eval: (script: string, options: { keys: string[]; arguments: string[] }) => Promise<unknown>
}

export const fromIoredis = (client: IoredisClient): KeyValueStore =>
  createRedisStore((script, name, values) => client.eval(script, 1, name, ...values))

export const fromNodeRedis = (client: NodeRedisClient): KeyValueStore =>
  createRedisStore((script, name, values) => client.eval(script, { keys: [name], arguments: [...values] }))

/** For any other client: `evaluate` runs a script with one key. */
export function createRedisStore(evaluate: Evaluate): KeyValueStore {
  const run = async (script: string, name: string, ...values: (string | number)[]): Promise<boolean> =>
    (await evaluate(script, name, values.map(String))) === 1
  /** A moment of the server's clock, from which `left` counts: read first, so that it is too early rather than too late. */
  const endOf = async (name: string, left: () => number): Promise<number> => {
    const time = await evaluate(TIME, name, [])
    if (!isPair(time)) throw new TypeError('TIME is not answered with two numbers.')
    return Math.floor(Number(time[0]) * 1000 + Number(time[1]) / 1000 + Math.min(left(), LONGEST_LIFE))
  }
  return {
    async get(name) {
      const found = await evaluate(GET, name, [])
      if (!isPair(found)) return undefined
      return { value: String(found[0]), left: Number(found[1]) }
    },
    async set(name, value, left) {
      await run(SET, name, value, await endOf(name, left))
    },
    replace: async (name, expected, value, left) => run(REPLACE, name, expected, value, await endOf(name, left)),
    add: (name, value, life) => run(ADD, name, value, Math.ceil(life)),
    prolong: (name, expected, life) => run(PROLONG, name, expected, Math.ceil(life)),
    delete: (name, expected) => (expected === undefined ? run(DELETE, name) : run(DELETE_EXPECTED, name, expected)),
  }
}

/** 10 years: no token means more, and the server's arithmetic does not overflow. */
const LONGEST_LIFE = 315_360_000_000
const TIME = "return redis.call('TIME')"
const GET = "local v = redis.call('GET', KEYS[1]) if not v then return false end return { v, redis.call('PTTL', KEYS[1]) }"
const SET = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('PEXPIREAT', KEYS[1], ARGV[2]) return 1"
const REPLACE =
  "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end redis.call('SET', KEYS[1], ARGV[2]) redis.call('PEXPIREAT', KEYS[1], ARGV[3]) return 1"
const ADD = "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end return 0"
const PROLONG = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
const DELETE = "return redis.call('DEL', KEYS[1])"
const DELETE_EXPECTED = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2
}
