// Writes to PostgreSQL: one connection, one transaction at a time, and while one is under way the next gathers. A unit has a transaction
// to itself, so that it takes its locks in its own order; only units that wait for one and the same row first share one. What lost a race
// or its connection is run again; see postgres_attempt.ts for a commit whose answer was lost.
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '../../model/store.ts'
import type { Unit } from '../sql.ts'
import type { Attempted, AttemptOptions, Failed, Outcome, Told } from './postgres_attempt.ts'
import { attempt, learn, startPatience } from './postgres_attempt.ts'
import type { Whose } from './postgres_error.ts'
import { asStoreError, isConflict, isOvertaken, isTimeout } from './postgres_error.ts'
import type { Keeper } from './postgres_link.ts'
import type { MarkedLink } from './postgres_mark.ts'
import { createPace } from './postgres_pace.ts'

export interface Writer {
  /** Resolves once it is committed, which is durable. */
  write<T>(unit: () => Unit<T>): Promise<T>
  /** Resolves once nothing is under way. */
  idle(): Promise<void>
}

export interface WriterOptions extends Whose {
  readonly keeper: Keeper<MarkedLink>
  /** 0 to 1: spreads those who lost a race. */
  readonly random: () => number
  /** Milliseconds of a clock that only goes forward. */
  readonly monotonic: () => number
  /** Milliseconds that callers wait, from the break on, for what became of a commit. */
  readonly patience: number
}

/**
 * Of the event loop, for which a batch stays open that follows on none. Those who were told together ask again together, and are read in
 * several turns: if it left after the first, all others would wait for a handful. A turn without requests takes some microseconds.
 */
const TURNS = 5
/** Units that share a transaction at most. */
const MOST_UNITS = 200
const MOST_CONFLICTS = 10
const MOST_OVERTAKEN = 5
/** Connections that one batch may lose. */
const MOST_LOST = 2
const LONGEST_PAUSE = 100

/** A unit in the queue. */
interface Task {
  /** Starts anew; the first statement, or that there is none. */
  readonly start: () => Started
  /** Started to see whether it shares, and not run yet. */
  ahead: Started | undefined
  readonly reject: (error: unknown) => void
}

interface Started extends Attempted {
  readonly shares: boolean
}

export const createWriter = (options: WriterOptions): Writer => {
  const { keeper } = options
  const pace = createPace()
  const attempting = { ...options, pace }
  const queue: Task[] = []
  let running: Promise<void> | undefined

  /** Nobody behind a commit that is asked after waits for a server that is known to be away. */
  const strand = (): void => {
    const gone = keeper.away()
    if (gone !== undefined) rejectAll(queue.splice(0), gone)
  }
  const work = async (): Promise<void> => {
    await turns()
    let following = false
    let told: Told = []
    while (queue.length > 0) {
      const gathering = following ? pace.pause() : 0
      if (gathering > 0) {
        tell(told)
        told = []
        await pause(gathering)
      }
      const next = settle(takeBatch(queue), attempting, strand)
      // Those of the last batch hear of it when this one has left: what they do then is done while the database works.
      if (told.length > 0) setImmediate(tell, told)
      told = await next
      following = true
    }
    running = undefined
    tell(told)
  }

  return {
    write: (unit) =>
      new Promise((resolve, reject) => {
        const gone = keeper.away()
        if (gone !== undefined) {
          reject(gone)
          return
        }
        queue.push({ start: () => startUnit(unit, resolve), ahead: undefined, reject })
        running ??= work()
      }),
    idle: async () => {
      await running
    },
  }
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise(setImmediate)
}

const startUnit = <T>(unit: () => Unit<T>, resolve: (value: T) => void): Started => {
  const generator = unit()
  const first = generator.next()
  return {
    shares: !first.done && first.value.shares === true,
    run: async (transaction) => {
      let step = first
      while (!step.done) {
        const changed = transaction.run(step.value)
        step = generator.next(typeof changed === 'number' ? changed : await changed)
      }
      const { value } = step
      return () => resolve(value)
    },
  }
}

const take = (task: Task): Started => {
  const { ahead } = task
  task.ahead = undefined
  return ahead ?? task.start()
}

const shares = (task: Task): boolean => {
  try {
    task.ahead ??= task.start()
    return task.ahead.shares
  } catch {
    return false
  }
}

/** The next, with those behind it that wait for the same row. */
const takeBatch = (queue: Task[]): Task[] => {
  const batch = queue.splice(0, 1)
  const mayShare = (task: Task | undefined): boolean => queue.length > 0 && task !== undefined && shares(task)
  while (mayShare(batch.at(-1)) && batch.length < MOST_UNITS && mayShare(queue[0])) batch.push(...queue.splice(0, 1))
  return batch
}
/** Tells all of them who failed; what the others are to be told. Never throws. */
const settle = async (tasks: readonly Task[], options: WriterOptions & AttemptOptions, strand: () => void): Promise<Told> => {
  const failures: Failures = { conflicts: 0, overtaken: 0, lost: 0 }
  const patience = startPatience(options.patience)
  const starts = tasks.map((task) => () => take(task))
  const tryOnce = async (): Promise<Outcome> => {
    const outcome = await attempt(starts, options)
    return outcome.kind === 'unknown' ? await learn(outcome, options, patience, strand) : outcome
  }
  let outcome = await tryOnce()
  while (outcome.kind !== 'committed') {
    const next = judge(outcome, failures, tasks.length > 1)
    if (next === 'refuse') {
      rejectAll(tasks, asStoreError(outcome.error, options))
      return []
    }
    if (next === 'apart') {
      for (const task of tasks) tell(await settle([task], options, strand))
      return []
    }
    // Those who lost the same race meet again at different times.
    if (failures.conflicts > 0) await pause(Math.min(2 ** failures.conflicts, LONGEST_PAUSE) * options.random())
    outcome = await tryOnce()
  }
  return outcome.told
}

const tell = (told: Told): void => {
  for (const done of told) done()
}

interface Failures {
  conflicts: number
  overtaken: number
  lost: number
}

const judge = ({ kind, error }: Failed, failures: Failures, several: boolean): 'again' | 'apart' | 'refuse' => {
  if (kind === 'unknown') return 'refuse'
  if (isConflict(error)) {
    failures.conflicts += 1
    return failures.conflicts > MOST_CONFLICTS ? 'refuse' : 'again'
  }
  if (kind === 'lost' || kind === 'undone') {
    failures.lost += 1
    return failures.lost > MOST_LOST || (kind === 'lost' && isTimeout(error)) ? 'refuse' : 'again'
  }
  if (error instanceof StoreUnavailable) return 'refuse'
  // One that fails by itself spoils no other.
  if (several) return 'apart'
  failures.overtaken += 1
  return isOvertaken(error) && failures.overtaken <= MOST_OVERTAKEN ? 'again' : 'refuse'
}

const rejectAll = (tasks: readonly Task[], error: unknown): void => {
  for (const task of tasks) task.reject(error)
}
