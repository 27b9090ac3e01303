// How long a batch gathers before it leaves, where other nodes write the same rows. One that waits for their commit at the server has left, and
// what is asked for meanwhile needs the next one; waiting as long at home it grows. So two nodes write about as many and as large batches
// as one would. Alone, nobody waits.
import { statement } from '../sql.ts'
import type { Link } from './postgres_link.ts'

export interface Pace {
  /** Of a transaction that was committed: microseconds that it waited for rows, and until its commit was answered. */
  took(waited: number, all: number, link: Link): void
  /** For the batch that follows on another: milliseconds, 0 for none. */
  pause(): number
}

/** Microseconds. What took less is work, or soon over: a timer is no finer. */
const LEAST_WAIT = 500
const LONGEST_PAUSE = 3000
/** Shares of a transaction's time: who waits for more gathers longer, and who waits for less goes sooner. */
const MUCH = 1 / 3
const LITTLE = 1 / 6
/** Microseconds that one transaction may add: one wait alone makes no pause. */
const STEP = 900
/** Transactions that waited until it is asked again whether anybody else writes: while nobody does, and while somebody does. */
const ASK_ALONE = 16
const ASK_AGAIN = 256

export const createPace = (): Pace => {
  let pause = 0
  let others = false
  let asked = 0
  const ask = async (link: Link): Promise<void> => {
    try {
      const { rows } = await link.run(statement(WRITING))
      others = Number(rows[0]?.['writing']) > 1
    } catch {
      others = false
    }
  }
  return {
    took: (waited, all, link) => {
      if (waited < LEAST_WAIT || waited < all * MUCH) {
        pause *= waited < all * LITTLE ? 0.9 : 0.97
        return
      }
      if (asked === 0) void ask(link)
      asked = (asked + 1) % (others ? ASK_AGAIN : ASK_ALONE)
      pause = Math.min(pause + Math.min(waited / 2, STEP), LONGEST_PAUSE)
    },
    pause: () => (others ? Math.floor(pause / 1000) : 0),
  }
}

/** Connections that wrote in the last seconds, by their marks. */
const WRITING = `SELECT COUNT(*) AS writing FROM write_marks
  WHERE closed = 0 AND at >= CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) AS BIGINT) - 2`
