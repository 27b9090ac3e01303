// What is asked for in one event-loop turn as one unit, so that what the asked have in common is written once. Owns who is told what;
// the unit itself is the caller's.
import { StoreUnavailable } from '../model/store.ts'
import type { Committed, Sql, Unit } from './sql.ts'

/** So that one unit does not hold the event loop for long. */
const MOST_TOGETHER = 500

interface Waiting<Asked, Answer> {
  readonly asked: Asked
  readonly resolve: (answer: Committed<Answer>) => void
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
  const ask = gatherDecided(sql, answerAll)
  return async (asked) => {
    const { value, durable } = await ask(asked)
    await durable
    return value
  }
}

/** The same, told as soon as it is decided. See Sql.commit. */
export const gatherDecided = <Asked, Answer>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
): ((asked: Asked) => Promise<Committed<Answer>>) => {
  let open: Waiting<Asked, Answer>[] | undefined

  const together = async (waiting: Waiting<Asked, Answer>[]): Promise<void> => {
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
      const { value, durable } = await sql.commit(unit)
      for (const [n, answer] of value.entries()) waiting[n]?.resolve({ value: answer, durable })
    } catch (error) {
      close()
      if (waiting.length === 1 || error instanceof StoreUnavailable) for (const one of waiting) one.reject(error)
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
