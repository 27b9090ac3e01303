// One transaction on a connection, with nothing waited for that need not be. Owns no retries.
import type { Statement } from '../sql.ts'
import { endsLink, isAftermath, isTimeout } from './postgres_error.ts'
import type { Answer } from './postgres_link.ts'
import type { MarkedLink } from './postgres_mark.ts'
import { moveMark } from './postgres_mark.ts'

export interface Transaction {
  /** Rows changed, or given to the statement's `read`. Of a blind one: 0 at once. */
  run(asked: Statement): number | Promise<number>
  commit(): Promise<void>
  /** Rolls back; what was the first to fail. */
  undo(error: unknown): Promise<unknown>
}

/** Nothing waits here: BEGIN and the first statements leave with one write, and so do the last ones, the mark and COMMIT. */
export const beginOn = (link: MarkedLink): Transaction => {
  const pending: Promise<Answer>[] = []
  const send = (answer: Promise<Answer>): Promise<Answer> => {
    pending.push(answer)
    answer.catch(() => undefined)
    return answer
  }
  let letGo: (() => void) | undefined = link.hold()
  const leave = (): void => {
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
      const { command } = await committed
      if (command === 'COMMIT') {
        if (mark !== undefined) mark.number += 1
        return
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
