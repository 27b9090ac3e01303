// What a connection that writes has committed, counted in a row of its own: each transaction moves the row on by one, or fails. So a commit
// whose answer was lost can be asked after on another connection. Owns the row, not what is made of the answer.
import type { Statement } from '../sql.ts'
import { statement } from '../sql.ts'
import type { Link } from './postgres_link.ts'

export interface Mark {
  readonly id: string
  /** Transactions that are known to be committed under it. */
  number: number
}

export interface MarkedLink extends Link {
  /** undefined: the table is not there yet. */
  readonly mark: Mark | undefined
}

/** Gives the connection a row. The server makes its name, so that no two are alike even after a dump or a snapshot was played back. */
export const markLink = async (link: Link): Promise<MarkedLink> => {
  try {
    const [{ rows }] = await Promise.all([link.run(statement(OPEN)), link.run(statement(SWEEP, CHUNK)).catch(() => undefined)])
    const id = rows[0]?.['id']
    if (typeof id !== 'string') throw new TypeError('The server gave a connection no name.')
    return { ...link, mark: { id, number: 0 } }
  } catch (error) {
    link.destroy()
    throw error
  }
}

/** A transaction's last statement. If the row is closed, gone or elsewhere it divides by zero, and so the transaction cannot commit. Answers with `took`, the microseconds since BEGIN. */
export const moveMark = ({ id, number }: Mark): Statement => ({ sql: MOVE, params: [id, number], blind: true })

/**
 * On another connection: whether the transaction that came after `number` was committed; undefined if nobody can know, since the row is gone.
 * Waits for it if it is under way, and once this is answered it cannot be committed any more. May be asked again.
 */
export const askMark = async (link: Link, { id, number }: Mark): Promise<boolean | undefined> => {
  const { rows } = await link.run(statement(CLOSE, id))
  const found = rows[0]?.['number']
  return typeof found === 'number' ? found > number : undefined
}

/** Seconds after which a row that did not move is swept. A connection that stood still so long gets another one; see `moveMark`. */
const MARK_AGE = 3600
/** Rows that one connection sweeps, of which it makes one: so they do not grow. */
const CHUNK = 100

const NOW = 'CAST(EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) AS BIGINT)'

/** Microseconds, by the server's clock. */
const SINCE_BEGIN = 'CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP() - TRANSACTION_TIMESTAMP()) * 1000000 AS BIGINT)'

const OPEN = `INSERT INTO write_marks (id, number, closed, at) VALUES (CAST(gen_random_uuid() AS TEXT), 0, 0, ${NOW}) RETURNING id`

// The condition stands outside too: the row may have moved while the statement waited for it.
const SWEEP = `DELETE FROM write_marks WHERE at < ${NOW} - ${MARK_AGE} AND id IN
  (SELECT id FROM write_marks WHERE at < ${NOW} - ${MARK_AGE} ORDER BY at LIMIT ? FOR UPDATE SKIP LOCKED)`

const MOVE = `WITH moved AS
  (UPDATE write_marks SET number = number + 1, at = ${NOW} WHERE id = ? AND number = ? AND closed = 0 RETURNING id)
  SELECT 1 / COUNT(*) AS moved, ${SINCE_BEGIN} AS took FROM moved`

const CLOSE = 'UPDATE write_marks SET closed = 1 WHERE id = ? RETURNING number'
