// What is asked for in one event-loop turn as one unit, so that what the asked have in common is written once. Owns who is told what;
// the unit itself is the caller's.
import { StoreUnavailable } from '../model/store.ts'
import type { Committed, Sql, Unit } from './sql.ts'

/** So that one unit does not hold the event loop for long. */
const MOST_TOGETHER = 500

/** Those of one unit, and what becomes of it. */
interface Company<Asked, Told> {
  readonly asked: Asked[]
  /** Undefined: together they cannot be done. */
  readonly told: Promise<Told | undefined>
}

/**
 * @param answerAll the unit: answers all in their order, or throws. If together they cannot be done, each is done by itself, so that
 * one that fails spoils no other.
 */
export const gather = <Asked, Answer>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
): ((asked: Asked) => Promise<Answer>) =>
  company(
    sql,
    answerAll,
    async ({ value, durable }) => {
      await durable
      return value
    },
    (value, place) => value[place] as Answer,
  )

/** The same, told as soon as it is decided. See Sql.commit. */
export const gatherDecided = <Asked, Answer>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
): ((asked: Asked) => Promise<Committed<Answer>>) =>
  company(
    sql,
    answerAll,
    (committed) => committed,
    ({ value, durable }, place) => ({ value: value[place] as Answer, durable }),
  )

/**
 * @param tell what all are told once it is committed; all were answered
 * @param pick what is told to the one at that place
 */
const company = <Asked, Answer, Told, One>(
  sql: Sql,
  answerAll: (all: readonly Asked[]) => Unit<readonly Answer[]>,
  tell: (committed: Committed<readonly Answer[]>) => Told | Promise<Told>,
  pick: (told: Told, place: number) => One,
): ((asked: Asked) => Promise<One>) => {
  let open: Company<Asked, Told> | undefined

  const together = (asked: Asked[]): Company<Asked, Told> => {
    const close = (): void => {
      if (open?.asked === asked) open = undefined
    }
    // Run a second time after a roll-back it finds the same list: from the first time on nothing joins any more.
    const unit = function* (): Unit<readonly Answer[]> {
      close()
      const answers = yield* answerAll(asked)
      if (answers.length !== asked.length) throw new TypeError('A unit did not answer all that was asked.')
      return answers
    }
    const failed = (error: unknown): undefined => {
      close()
      if (asked.length === 1 || error instanceof StoreUnavailable) throw error
    }
    return { asked, told: sql.commit(unit).then(tell, failed) }
  }

  // One promise for each that is asked, hung on that of its company: there are thousands a second.
  const tellOne = ({ asked, told }: Company<Asked, Told>, place: number): Promise<One> =>
    told.then((value) => (value === undefined ? tellOne(together(asked.slice(place, place + 1)), 0) : pick(value, place)))

  return (asked) => {
    // Not into the company of those who asked before the end.
    if (sql.isClosed()) open = undefined
    if (open !== undefined && open.asked.length < MOST_TOGETHER) return tellOne(open, open.asked.push(asked) - 1)
    open = together([asked])
    return tellOne(open, 0)
  }
}
