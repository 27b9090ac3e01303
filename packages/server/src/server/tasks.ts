// What runs beside the requests: taking note of other processes' changes, and forgetting what has expired.
import type { Issuance, RealmContext } from '../issue/context.ts'
import type { Report } from './refusal.ts'

/** A change by another process is effective here within this time, a revocation too. */
const REFRESH_MS = 500
const SWEEP_MS = 60_000
/** Seconds that usage can be read after its window ended: a year's bill and a month to dispute it. */
const USAGE_KEPT = 400 * 86_400

export interface TaskOptions {
  readonly issuance: Issuance
  readonly contexts: readonly RealmContext[]
  readonly report: Report
}

/** Returns what stops them. */
export function startTasks({ issuance, contexts, report }: TaskOptions): () => void {
  const { directory, revocations, store, ledger, now } = issuance
  // The directory tells of a change once; keys that could not be read then must be read at the next turn.
  let keysAreStale = false
  const refresh = async (): Promise<void> => {
    await revocations.refresh(now())
    if (await directory.refresh()) keysAreStale = true
    if (!keysAreStale) return
    await Promise.all(contexts.map(({ keys }) => keys.reload()))
    keysAreStale = false
  }
  const timers = [
    repeat(refresh, REFRESH_MS, (error) => report(error, 'changes by others cannot be read')),
    repeat(
      async () => {
        await store.sweep(now())
        await ledger.sweep(now() - USAGE_KEPT)
      },
      SWEEP_MS,
      (error) => report(error, 'expired tokens cannot be swept'),
    ),
  ]
  return () => timers.forEach(clearInterval)
}

/** Never two runs of one task at once; a failure that lasts is told once, not twice a second. */
function repeat(task: () => Promise<unknown>, everyMs: number, failed: (error: unknown) => void): NodeJS.Timeout {
  let running = false
  let failing = false
  const run = async (): Promise<void> => {
    if (running) return
    running = true
    try {
      await task()
      failing = false
    } catch (error) {
      if (!failing) failed(error)
      failing = true
    } finally {
      running = false
    }
  }
  return setInterval(() => void run(), everyMs).unref()
}
