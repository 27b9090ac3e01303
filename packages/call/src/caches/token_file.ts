// Tokens in files that the processes of one user share: one file a key, a lock a key, and the age of what is read. How files are
// kept private: private_text_file.ts; how processes take turns: lock_file.ts.
import { join } from 'node:path'
import type { TokenCache } from '../token_cache.ts'
import { createLockFile } from './lock_file.ts'
import { acquire } from './lock_wait.ts'
import type { Machine } from './machine_env.ts'
import { defaultFolder, readMachine } from './machine_env.ts'
import type { FarStore } from './near_cache.ts'
import { createNearCache } from './near_cache.ts'
import { openFolder, readPrivate, removePrivate, writePrivate } from './private_text_file.ts'
import { createSeal } from './seal.ts'
import type { Surroundings } from './surroundings_env.ts'
import { SURROUNDINGS } from './surroundings_env.ts'
import { MAX_KEPT, parse, readRemembered, readToken, writeRemembered, writeToken } from './token_record.ts'

export interface FileCacheOptions extends Partial<Surroundings> {
  /** Default: XDG_CACHE_HOME/countersign, or ~/.cache/countersign. It is made, for its owner only. Removing it is always safe. */
  readonly folder?: string
  /** 32 bytes: what is stored is encrypted with AES-256-GCM. */
  readonly encryptionKey?: Uint8Array
  /** Milliseconds to wait for another process's token request, before asking without its turn; default 30 000. */
  readonly waitMs?: number
  /** Told when the folder begins to fail (full, read-only ...): the client works on with what is in its memory. */
  readonly onTrouble?: (error: Error) => void
  /** Default: this one. */
  readonly machine?: Machine
}

/**
 * A cache for all processes of one user on one machine.
 * Its methods throw CacheRefused where a file or the folder is another user's, or open to others.
 * @throws ConfigurationError for an encryptionKey of another length.
 */
export function createFileCache(options: FileCacheOptions = {}): Required<TokenCache> {
  const { now, monotonic, random, nonceBytes } = { ...SURROUNDINGS, ...options }
  const { waitMs = 30_000, onTrouble } = options
  const machine = options.machine ?? readMachine()
  const folder = options.folder ?? defaultFolder()
  const seal = createSeal(options.encryptionKey, nonceBytes)
  const nonce = (): string => Array.from(nonceBytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('')
  let opened: Promise<void> | undefined

  const inFolder = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    opened ??= openFolder(folder, machine.uid)
    try {
      await opened
      return await work()
    } catch (error) {
      opened = undefined
      throw error
    }
  }

  const read = async (name: string): Promise<{ readonly text: string; readonly age: number } | undefined> => {
    const file = parse((await readPrivate(join(folder, name), machine.uid, MAX_KEPT)) ?? '', MAX_KEPT)
    const { version, payload } = file ?? {}
    if (file === undefined || version !== VERSION || file['name'] !== name || typeof payload !== 'string') return undefined
    const text = await seal.open(payload, name)
    return text === undefined ? undefined : { text, age: ageOf(file, now() * 1000, machine) }
  }

  const write = async (name: string, text: string, writtenAt: number): Promise<void> => {
    const clock = machine.boot === undefined ? {} : { boot: machine.boot, uptimeMs: machine.uptimeMs() }
    const payload = await seal.close(text, name)
    await writePrivate(join(folder, name), JSON.stringify({ version: VERSION, name, writtenAt, ...clock, payload }), nonce())
  }

  const lockOf = (name: string): ReturnType<FarStore['lock']> =>
    createLockFile(join(folder, `${name}.lock`), { machine, monotonic, nonce: nonce() })

  /** Writers take turns for the moment of writing, apart from the long turns of token requests. */
  const writing = async <Result>(key: string, work: () => Promise<Result>): Promise<Result> => {
    const release = await acquire(lockOf(`${checkKey(key)}.write`), { monotonic, random, waitMs: WRITE_WAIT_MS })
    try {
      return await work()
    } finally {
      await release?.()
    }
  }

  const get: FarStore['get'] = async (key) => {
    const at = monotonic()
    const found = await read(`${checkKey(key)}.token`)
    return found && readToken(found.text, at, found.age)
  }

  const far: FarStore = {
    get: (key) => inFolder(() => get(key)),
    // Moments become spans at the writing itself, not before the wait for the turn.
    set: (key, held) => inFolder(() => writing(key, () => write(`${key}.token`, writeToken(held, monotonic()), now() * 1000))),
    delete: (key) => inFolder(() => writing(key, () => removePrivate(join(folder, `${key}.token`)))),
    replace: (key, accessToken, held) =>
      inFolder(() =>
        writing(key, async () => {
          if ((await get(key))?.accessToken !== accessToken) return false
          if (held) await write(`${key}.token`, writeToken(held, monotonic()), now() * 1000)
          else await removePrivate(join(folder, `${key}.token`))
          return true
        }),
      ),
    recall: (key) =>
      inFolder(async () => {
        const found = await read(`${checkKey(key)}.known`)
        return found ? readRemembered(found.text, now() * 1000, found.age) : {}
      }),
    remember: (key, remembered) =>
      inFolder(async () => {
        const nowMs = now() * 1000
        const text = writeRemembered(remembered, nowMs)
        if (text !== undefined) await write(`${checkKey(key)}.known`, text, nowMs)
        else await removePrivate(join(folder, `${checkKey(key)}.known`))
      }),
    lock: (key) => {
      const attempt = lockOf(checkKey(key))
      return () => inFolder(attempt)
    },
  }
  return createNearCache(far, { monotonic, random, waitMs, onTrouble })
}

const VERSION = 1
const WRITE_WAIT_MS = 2000

/** Keys are file names here. */
function checkKey(key: string): string {
  if (!/^\w[\w-]{0,127}$/.test(key)) throw new RangeError('A key of a file cache is 1 to 128 letters, digits, _ and -.')
  return key
}

/**
 * Milliseconds since the stamp. By the uptime if it is of this boot; else by the wall clock, and one that was set back knows nothing:
 * Infinity. What a clock that was set back by less than the age would prolong, near_cache.ts keeps short for those who saw it before.
 */
function ageOf({ writtenAt, boot, uptimeMs }: Record<string, unknown>, nowMs: number, machine: Machine): number {
  if (machine.boot !== undefined && boot === machine.boot && typeof uptimeMs === 'number') {
    const age = machine.uptimeMs() - uptimeMs
    if (age >= 0) return age
  }
  const age = typeof writtenAt === 'number' ? nowMs - writtenAt : Number.NaN
  return age >= 0 ? age : Number.POSITIVE_INFINITY
}
