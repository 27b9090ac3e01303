// What is asked for in one event-loop turn as one unit, so that what the asked have in common is written once. Owns who is told what;
// the unit itself is the caller's.
import { StoreUnavailable } from '../model/store.ts'
import type { Committed, Sql, Unit } from './sql.ts'

/** So that one unit does not hold the event loop for long. */
const MOST_TOGETHER = 500

interface Waiting<Asked, Told> {
  readonly asked: Asked
  readonly resolve: (answer: Told) => void
  readonly reject: (error: unknown) => void
}

/**
 * @param answerAll the unit: answers all in their order, or throws. If together they cannot be done, each is done by itself, so that
 * one that fails spoils no other.
 */
export const gather = <Asked, Answer>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
): ((asked: Asked) => Promise<Answer>) => {
  // One promise for each that is asked, however many steps lie between: there are thousands a second.
  return company(sql, answerAll, ({ value, durable }, waiting) => {
    const tell = (): void => {
      for (let n = 0; n < waiting.length; n += 1) waiting[n]?.resolve(value[n] as Answer)
    }
    durable.then(tell, (error: unknown) => rejectAll(waiting, error))
  })
}

/** The same, told as soon as it is decided. See Sql.commit. */
export const gatherDecided = <Asked, Answer>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
): ((asked: Asked) => Promise<Committed<Answer>>) =>
  company<Asked, Answer, Committed<Answer>>(sql, answerAll, ({ value, durable }, waiting) => {
    for (const [n, answer] of value.entries()) waiting[n]?.resolve({ value: answer, durable })
  })

/** @param settle tells those who wait, in their order; all were answered */
const company = <Asked, Answer, Told>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
  settle: (committed: Committed<readonly Answer[]>, waiting: readonly Waiting<Asked, Told>[]) => void,
): ((asked: Asked) => Promise<Told>) => {
  let open: Waiting<Asked, Told>[] | undefined

  const together = async (waiting: Waiting<Asked, Told>[]): Promise<void> => {
    const close = (): void => {
      if (open === waiting) open = undefined
    }
    // Run a second time after a roll-back it finds the same list: from the first time on nothing joins any more.
    const unit = function* (): Unit<readonly Answer[]> {
      close()
      const answers = yield* answerAll(waiting.map((one) => one.asked))
      if (answers.length !== waiting.length) throw new TypeError('A unit did not answer all that was asked.')
      return answers
    }
    try {
      settle(await sql.commit(unit), waiting)
    } catch (error) {
      close()
      if (waiting.length === 1 || error instanceof StoreUnavailable) rejectAll(waiting, error)
      else for (const one of waiting) void together([one])
    }
  }

  return (asked) =>
    new Promise((resolve, reject) => {
      // Not into the company of those who asked before the end.
      if (sql.isClosed()) open = undefined
      if (open !== undefined && open.length < MOST_TOGETHER) {
        open.push({ asked, resolve, reject })
        return
      }
      open = [{ asked, resolve, reject }]
      void together(open)
    })
}

const rejectAll = <Asked, Told>(waiting: readonly Waiting<Asked, Told>[], error: unknown): void => {
  for (const one of waiting) one.reject(error)
}
