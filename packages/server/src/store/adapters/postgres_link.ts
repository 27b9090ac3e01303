// One connection to PostgreSQL as the adapter sees it, and how one is kept: opened when it is asked for, opened anew with growing pauses
// after it broke. Knows no driver.
import { StoreUnavailable } from '../../model/store.ts'
import type { Row, Statement } from '../sql.ts'

export interface Answer {
  readonly rows: readonly Row[]
  /** Rows changed, or answered with. */
  readonly count: number
  /** `COMMIT`, `ROLLBACK`, `INSERT` ... */
  readonly command: string
}

export interface Link {
  /** Sent at once, behind those sent before: answers come in that order. Rejects with what the driver or the server says. */
  run(asked: Statement): Promise<Answer>
  /** Without placeholders: BEGIN, COMMIT, SET. */
  say(sql: string): Promise<Answer>
  /** What is asked from now on leaves with one write, when the answer is called. Whoever waits for an answer before that waits for ever. */
  hold(): () => void
  /** Nothing more can be asked of it. */
  isBroken(): boolean
  /** Lets those under way end. */
  end(): Promise<void>
  /** At once. */
  destroy(): void
}

export interface Keeper<L extends Link = Link> {
  /** Rejects with StoreUnavailable; at once while it is known that there is no getting through. */
  get(): Promise<L>
  /** Why no connection can be had at the moment. */
  away(): StoreUnavailable | undefined
  close(): Promise<void>
}

/** Milliseconds until the next attempt, doubled each time. */
const SHORTEST_PAUSE = 50
const LONGEST_PAUSE = 1000

/** @param connect rejects with StoreUnavailable */
export const keepLink = <L extends Link>(connect: () => Promise<L>): Keeper<L> => {
  let link: L | undefined
  let opening: Promise<L> | undefined
  let away: StoreUnavailable | undefined
  let timer: NodeJS.Timeout | undefined
  let pause = SHORTEST_PAUSE
  let closed = false

  const open = async (): Promise<L> => {
    try {
      const made = await connect()
      if (closed) made.destroy()
      link = made
      away = undefined
      pause = SHORTEST_PAUSE
      return made
    } catch (error) {
      if (error instanceof StoreUnavailable) away = error
      if (!closed) tryLater()
      throw error
    } finally {
      opening = undefined
    }
  }
  const tryLater = (): void => {
    timer = setTimeout(() => {
      opening ??= open()
      opening.catch(() => undefined)
    }, pause)
    timer.unref()
    pause = Math.min(pause * 2, LONGEST_PAUSE)
  }

  return {
    get: async () => {
      if (link !== undefined && !link.isBroken()) return link
      if (away !== undefined) throw away
      opening ??= open()
      return await opening
    },
    away: () => away,
    close: async () => {
      closed = true
      clearTimeout(timer)
      await opening?.catch(() => undefined)
      await link?.end()
    },
  }
}
