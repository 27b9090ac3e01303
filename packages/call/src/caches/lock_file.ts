// A lock between processes that outlives none of them: a folder of numbered files, the highest of which is the lock. The proof that
// two never hold it at once is in docs/decisions/0021-one-token-for-many-processes.md, and each step here is a step of it.
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Release } from './lock_wait.ts'
import type { Machine } from './machine_env.ts'
import { isCode, removePrivate, unlessMissing } from './private_text_file.ts'

export interface LockOptions {
  readonly machine: Pick<Machine, 'pid' | 'startedAt' | 'host' | 'isAlive'>
  /** Milliseconds. */
  readonly monotonic: () => number
  readonly nonce: string
  /** How often the holder shows that it lives, in ms. */
  readonly beatMs?: number
  /** A holder whose beat was not seen to change for this long has ended. Watched, not read: clocks play no part. */
  readonly staleMs?: number
}

/**
 * One waiter's attempts at the lock, each of which tries once.
 * @throws what the file system throws: full, read-only, not there.
 */
export function createLockFile(folder: string, options: LockOptions): () => Promise<Release | undefined> {
  const { machine, monotonic, nonce, beatMs = 3000, staleMs = 15_000 } = options
  let watched = { number: 0, mtimeMs: 0, since: 0 }

  const isHeld = async (number: number): Promise<boolean> => {
    const found = await readLock(pathOf(folder, number))
    // Swept: there is a higher one.
    if (found === undefined) return true
    if (found.text.startsWith(FREE)) return false
    const holder = readHolder(found.text)
    if (holder && machine.host !== undefined && holder.host === machine.host && !machine.isAlive(holder.pid, holder.startedAt)) return false
    const at = monotonic()
    if (watched.number !== number || watched.mtimeMs !== found.mtimeMs) watched = { number, mtimeMs: found.mtimeMs, since: at }
    return at - watched.since < staleMs
  }

  return async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const last = (await numbersIn(folder)).at(-1) ?? 0
    if (last > 0 && (await isHeld(last))) return undefined
    const number = last + 1
    const handle = await take(pathOf(folder, number))
    if (handle === undefined) return undefined
    try {
      const { pid, startedAt, host } = machine
      await handle.write(`${HELD} ${JSON.stringify({ pid, host, startedAt, nonce })}\n`, 0)
      const numbers = await numbersIn(folder)
      if (numbers.at(-1) === number) return hold(handle, folder, number, beatMs)
    } catch (error) {
      await handle.close()
      throw error
    }
    // It slept between looking and taking, and the number had been used and swept meanwhile.
    await handle.close()
    await removePrivate(pathOf(folder, number))
    return undefined
  }
}

/** Four letters each, so that one becomes the other in one write. */
const HELD = 'held'
const FREE = 'free'
/** Superseded locks stay for this long: whoever lists the folder sees one that is there for the whole of the listing. */
const SWEEP_AFTER_MS = 60_000

function hold(handle: FileHandle, folder: string, number: number, beatMs: number): Release {
  // Through the handle, so that one who was taken for dead never touches the lock of who came after him.
  let beaten: Promise<unknown> = Promise.resolve()
  const beat = setInterval(() => {
    beaten = beaten.then(() => handle.write(HELD, 0)).catch(() => undefined)
  }, beatMs)
  // In Node a timer that must not keep the process alive; elsewhere a number.
  if (typeof beat === 'object') beat.unref()
  return async () => {
    clearInterval(beat)
    // One that is on its way to a slow disk would have the last word.
    await beaten
    try {
      await handle.write(FREE, 0)
      const { mtimeMs } = await handle.stat()
      await sweep(folder, number, mtimeMs)
    } finally {
      await handle.close()
    }
  }
}

/** Never the highest, nor the one before; and by the last sign of the successor, since that is when a number was superseded at the latest. */
async function sweep(folder: string, number: number, latestMs: number): Promise<void> {
  // The whole folder may have been removed meanwhile.
  const numbers = (await numbersIn(folder).catch(unlessMissing)) ?? []
  for (const [index, old] of numbers.entries()) {
    const next = numbers[index + 1]
    if (next === undefined || next >= number) return
    const successor = await stat(pathOf(folder, next)).catch(unlessMissing)
    if (successor && latestMs - successor.mtimeMs < SWEEP_AFTER_MS) return
    await removePrivate(pathOf(folder, old))
  }
}

function pathOf(folder: string, number: number): string {
  return join(folder, String(number))
}

/** Ascending. */
async function numbersIn(folder: string): Promise<number[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => /^[1-9]\d{0,14}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

/** Exclusive: of all who try the same number, one gets it. */
async function take(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    if (isCode(error, 'EEXIST')) return undefined
    throw error
  }
}

async function readLock(path: string): Promise<{ readonly text: string; readonly mtimeMs: number } | undefined> {
  const handle = await open(path, 'r').catch(unlessMissing)
  if (handle === undefined) return undefined
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HOLDER), 0, MAX_HOLDER, 0)
    return { text: buffer.toString('utf8', 0, bytesRead), mtimeMs: (await handle.stat()).mtimeMs }
  } finally {
    await handle.close()
  }
}

const MAX_HOLDER = 1024

/** Undefined while it is being written, or where its writer was killed: then only the beat counts. */
function readHolder(text: string): { readonly pid: number; readonly host: unknown; readonly startedAt: string | undefined } | undefined {
  try {
    const value: unknown = JSON.parse(text.slice(HELD.length))
    if (typeof value !== 'object' || value === null) return undefined
    const { pid, host, startedAt } = value as Record<string, unknown>
    if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0) return undefined
    return { pid, host, startedAt: typeof startedAt === 'string' ? startedAt : undefined }
  } catch {
    return undefined
  }
}
