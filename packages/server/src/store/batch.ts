// Group commit for an engine with one synchronous writer: the write units of one event-loop turn share one transaction and one flush
// to disk, which goes on beside the event loop. Owns the queue and who is told what; knows no SQL and no driver.
import { StoreUnavailable } from '../model/store.ts'
import type { Committed, Statement, Unit } from './sql.ts'

export interface BatchDriver {
  /**
   * Takes the write lock; false if another process holds it. `wait` blocks for as long as the driver is patient, otherwise it answers
   * at once.
   * Throws StoreUnavailable if it cannot be had at all.
   */
  begin(wait: boolean): boolean
  /** Rows changed, or given to the statement's `read`. */
  run(asked: Statement): number
  /** Ends the transaction: from now on others see it. It is durable once a flush that begins after it has ended. */
  commit(): void
  /** Resolves once every commit of before is on disk. Commits may go on meanwhile. */
  flush(): Promise<void>
  /** Undoes what is left of the transaction; never throws. */
  rollback(): void
}

export interface Batch {
  /** Resolves once it is durable. See Sql.write. */
  write<T>(unit: () => Unit<T>): Promise<T>
  /** Resolves with the commit. See Sql.commit. */
  commit<T>(unit: () => Unit<T>): Promise<Committed<T>>
}

/** A unit in the queue. `run` answers with what to do once the commit returned. */
interface Task {
  readonly run: () => (durable: Promise<void>) => void
  readonly reject: (error: unknown) => void
}

/** So that one flood of writes does not hold the event loop. */
const MOST_UNITS = 1000
/**
 * Between two attempts at a lock that another process holds, in milliseconds: short at first, since a worker beside this one lets go of it
 * after less than one, and longer for each SHORTLY that it was waited for, since a backup or a migration does not.
 */
const LONGEST_PAUSE = 10
const SHORTLY = 16

/** `patience`: milliseconds to try for the write lock, without blocking the event loop, before the writes are refused. */
export const createBatch = (driver: BatchDriver, patience: number, lockedMessage: string): Batch => {
  const queue: Task[] = []
  let scheduled = false
  let waited = 0

  const schedule = (pause: number): void => {
    scheduled = true
    if (pause === 0) setImmediate(flush)
    else setTimeout(flush, pause)
  }

  const flush = (): void => {
    scheduled = false
    let begun: boolean
    try {
      begun = driver.begin(false)
    } catch (error) {
      rejectAll(queue.splice(0), error)
      return
    }
    if (begun) {
      waited = 0
      commitTogether(driver, queue.splice(0, MOST_UNITS), lockedMessage)
      if (queue.length > 0) schedule(0)
    } else if (waited >= patience) {
      waited = 0
      rejectAll(queue.splice(0), new StoreUnavailable(lockedMessage))
    } else {
      const pause = Math.min(1 + Math.floor(waited / SHORTLY), LONGEST_PAUSE)
      waited += pause
      schedule(pause)
    }
  }

  const enqueue = (task: Task): void => {
    queue.push(task)
    if (!scheduled) schedule(0)
  }

  const commit: Batch['commit'] = (unit) =>
    new Promise((resolve, reject) => {
      const run = (): ((durable: Promise<void>) => void) => {
        const value = drive(driver, unit())
        return (durable) => resolve({ value, durable })
      }
      enqueue({ run, reject })
    })

  return {
    commit,
    write: async (unit) => {
      const { value, durable } = await commit(unit)
      await durable
      return value
    },
  }
}

/** Runs a unit to its end inside the open transaction. */
export const drive = <T>(driver: BatchDriver, unit: Unit<T>): T => {
  let step = unit.next()
  while (!step.done) step = unit.next(driver.run(step.value))
  return step.value
}

/** The transaction is open. Its units stand or fall with the commit; a unit that throws by itself only takes the others on a detour. */
const commitTogether = (driver: BatchDriver, tasks: readonly Task[], lockedMessage: string): void => {
  const settle: ((durable: Promise<void>) => void)[] = []
  try {
    for (const task of tasks) settle.push(task.run())
  } catch (error) {
    driver.rollback()
    if (tasks.length === 1) rejectAll(tasks, error)
    else for (const task of tasks) commitAlone(driver, task, lockedMessage)
    return
  }
  try {
    driver.commit()
  } catch (error) {
    driver.rollback()
    rejectAll(tasks, error)
    return
  }
  const durable = flushed(driver)
  for (const done of settle) done(durable)
}

const commitAlone = (driver: BatchDriver, task: Task, lockedMessage: string): void => {
  try {
    if (!driver.begin(true)) throw new StoreUnavailable(lockedMessage)
    const done = task.run()
    driver.commit()
    done(flushed(driver))
  } catch (error) {
    driver.rollback()
    task.reject(error)
  }
}

const flushed = (driver: BatchDriver): Promise<void> => {
  const durable = driver.flush()
  // Whoever waits for it hears of a failure; that nobody waits is none.
  durable.catch(() => undefined)
  return durable
}

const rejectAll = (tasks: readonly Task[], error: unknown): void => {
  for (const task of tasks) task.reject(error)
}
