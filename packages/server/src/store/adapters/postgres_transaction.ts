// One transaction on a connection, with nothing waited for that need not be. Owns no retries.
import type { Statement } from '../sql.ts'
import { endsLink, isAftermath, isTimeout } from './postgres_error.ts'
import type { Answer } from './postgres_link.ts'
import type { MarkedLink } from './postgres_mark.ts'
import { moveMark } from './postgres_mark.ts'

interface Took {
  readonly waited: number
  readonly all: number
}

export interface Transaction {
  /** Rows changed, or given to the statement's `read`. Of a blind one: 0 at once. */
  run(asked: Statement): number | Promise<number>
  /** How long it waited at the server after its last statement had been sent, and how long it took, in microseconds. */
  commit(): Promise<Took>
  /** Rolls back; what was the first to fail. */
  undo(error: unknown): Promise<unknown>
}

/** Nothing waits here: BEGIN and the first statements leave with one write, and so do the last ones, the mark and COMMIT. */
/** @param monotonic milliseconds of a clock that only goes forward */
export const beginOn = (link: MarkedLink, monotonic: () => number): Transaction => {
  const pending: Promise<Answer>[] = []
  const send = (answer: Promise<Answer>): Promise<Answer> => {
    pending.push(answer)
    answer.catch(() => undefined)
    return answer
  }
  let start: number | undefined
  let letGo: (() => void) | undefined = link.hold()
  const leave = (): void => {
    start ??= monotonic()
    letGo?.()
    letGo = undefined
  }
  const answered = async (asked: Statement, answer: Promise<Answer>): Promise<number> => {
    leave()
    const { rows, count } = await answer
    letGo = link.hold()
    if (asked.read === undefined) return count
    asked.read(rows)
    return rows.length
  }
  const { mark } = link
  void send(link.say('BEGIN'))
  return {
    run: (asked) => {
      const answer = send(link.run(asked))
      return asked.blind === true ? 0 : answered(asked, answer)
    },
    commit: async () => {
      const moved = mark === undefined ? undefined : send(link.run(moveMark(mark)))
      const committed = send(link.say('COMMIT'))
      leave()
      const begun = start ?? 0
      const here = monotonic() - begun
      const { command } = await committed
      if (command === 'COMMIT') {
        if (mark !== undefined) mark.number += 1
        const took = Number((await moved)?.rows[0]?.['took'] ?? 0)
        return { waited: took - here * 1000, all: (monotonic() - begun) * 1000 }
      }
      // So the server answers if a statement failed that nobody waited for. If it was the mark, another connection has its row to be given.
      await moved?.catch((error: unknown) => {
        if (!isAftermath(error)) link.destroy()
      })
      throw Object.assign(new Error('The transaction was rolled back at its end.'), { code: '40000' })
    },
    undo: async (error) => {
      leave()
      // To say ROLLBACK would take as long once more.
      if (isTimeout(error)) link.destroy()
      const results = await Promise.allSettled(pending)
      const failed = results.flatMap((one): unknown[] => (one.status === 'rejected' ? [one.reason] : []))
      const cause = failed.find((one) => !isAftermath(one)) ?? error
      if (!link.isBroken()) await link.say('ROLLBACK').catch(() => link.destroy())
      if (endsLink(cause)) link.destroy()
      return isTimeout(error) ? error : cause
    },
  }
}
