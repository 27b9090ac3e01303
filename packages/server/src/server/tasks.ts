// What runs beside the requests: taking note of other processes' changes, rotating signing keys, writing behind, and forgetting what has
// expired.
import type { Issuance, RealmContext } from '../issue/context.ts'
import { rotateKeys } from '../issue/keys/rotation.ts'
import type { ApiUsage } from './api_usage.ts'
import type { Report } from './refusal.ts'

/** A change by another process is effective here within this time, a revocation too. */
const REFRESH_MS = 500
/** What a kill may cost of the secrets' and API keys' last uses, and of what became of admitted requests. */
const FLUSH_MS = 1000
const SWEEP_MS = 60_000
const ROTATE_MS = 60_000
/** Seconds that usage can be read after its window ended: a year's bill and a month to dispute it. */
const USAGE_KEPT = 400 * 86_400

export interface TaskOptions {
  readonly issuance: Issuance
  readonly contexts: readonly RealmContext[]
  readonly usage: Pick<ApiUsage, 'flush'>
  readonly report: Report
  /** Seconds that rows of the audit trail are kept. */
  readonly keepSeconds: number
  /** Told when a signing key is gone: what was verified with it must be forgotten. */
  readonly onKeysChanged?: () => void
}

/** Returns what stops them: it waits for what is under way, and writes what is still to be written. Never rejects. */
export function startTasks(options: TaskOptions): () => Promise<void> {
  const { issuance, usage, report, keepSeconds } = options
  const { secretUses, store, ledger, now } = issuance
  const tasks = [
    repeat(createRefresh(options), REFRESH_MS, (error) => report(error, 'changes by others cannot be read')),
    repeat(
      () => secretUses.flush(),
      FLUSH_MS,
      (error) => report(error, 'uses of secrets cannot be written'),
    ),
    repeat(
      () => usage.flush(),
      FLUSH_MS,
      (error) => report(error, 'what became of requests cannot be written'),
    ),
    repeat(
      async () => {
        await store.sweep(now())
        await ledger.sweep(now() - USAGE_KEPT)
        await store.metering.sweep(now() - USAGE_KEPT)
        await store.audit.sweep(now() - keepSeconds)
      },
      SWEEP_MS,
      (error) => report(error, 'what has expired cannot be swept'),
    ),
    repeat(createRotation(options), ROTATE_MS, (error) => report(error, 'signing keys cannot be rotated')),
  ]
  return async () => {
    await Promise.all(tasks.map((task) => task.stop()))
    await secretUses.flush().catch((error: unknown) => report(error, 'uses of secrets cannot be written'))
    await usage.flush().catch((error: unknown) => report(error, 'what became of requests cannot be written'))
  }
}

function createRefresh(options: TaskOptions): () => Promise<void> {
  const { directory, feed, revocations, now } = options.issuance
  // The directory tells of a change once; keys that could not be read then must be read at the next turn.
  let keysAreStale = false
  return async () => {
    await revocations.refresh(now())
    if (await directory.refresh()) {
      keysAreStale = true
      feed.changed()
    }
    if (!keysAreStale) return
    await Promise.all(options.contexts.map((context) => reload(context, options)))
    keysAreStale = false
  }
}

/** One realm after another, so that the work of a minute comes in small pieces; a realm that fails does not hold up the others. */
function createRotation(options: TaskOptions): () => Promise<void> {
  const failing = new Set<string>()
  return async () => {
    for (const context of options.contexts) {
      const { id } = context.realm
      try {
        if (await rotateKeys({ ...context, store: context.store.signingKeys })) await reload(context, options)
        failing.delete(id)
      } catch (error) {
        if (!failing.has(id)) options.report(error, `the signing keys of realm ${id} cannot be rotated`)
        failing.add(id)
      }
    }
  }
}

async function reload({ keys }: RealmContext, { onKeysChanged }: TaskOptions): Promise<void> {
  if (await keys.reload()) onKeysChanged?.()
}

interface Task {
  /** No further run; resolves when the one under way is over. */
  stop(): Promise<void>
}

/** Never two runs of one task at once; a failure that lasts is told once, not twice a second. */
function repeat(task: () => Promise<unknown>, everyMs: number, failed: (error: unknown) => void): Task {
  let running: Promise<void> | undefined
  let failing = false
  const run = async (): Promise<void> => {
    try {
      await task()
      failing = false
    } catch (error) {
      if (!failing) failed(error)
      failing = true
    } finally {
      running = undefined
    }
  }
  const timer = setInterval(() => {
    running ??= run()
  }, everyMs).unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
