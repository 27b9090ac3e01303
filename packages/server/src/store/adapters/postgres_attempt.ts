// One try at a transaction, and what became of it. A commit whose answer was lost is asked after on the next connection: the mark that it
// would have moved tells (postgres_mark.ts). Owns no second try.
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '../../model/store.ts'
import type { Whose } from './postgres_error.ts'
import { endsLink, isRefusal, isTimeout, unknownSentence } from './postgres_error.ts'
import type { Keeper } from './postgres_link.ts'
import type { Mark, MarkedLink } from './postgres_mark.ts'
import { askMark } from './postgres_mark.ts'
import type { Pace } from './postgres_pace.ts'
import type { Transaction } from './postgres_transaction.ts'
import { beginOn } from './postgres_transaction.ts'

/** A unit on its way. */
export interface Attempted {
  /** Runs it to its end; what to do once it is committed. */
  readonly run: (transaction: Transaction) => Promise<() => void>
}

/** What is to be done once it is committed. */
export type Told = readonly (() => void)[]

export type Outcome = Committed | Failed

interface Committed {
  readonly kind: 'committed'
  readonly told: Told
}

export type Failed = Refused | Unknown

interface Refused {
  /**
   * Nothing of it is stored. `lost`: since the connection broke before the commit was asked for. `undone`: since it broke in the commit,
   * which was then made impossible.
   */
  readonly kind: 'refused' | 'lost' | 'undone'
  readonly error: unknown
}

interface Unknown {
  readonly kind: 'unknown'
  readonly error: StoreUnavailable
  /** What the connection broke with. */
  readonly cause: unknown
  readonly told: Told
  readonly mark: Mark | undefined
}

export interface AttemptOptions extends Whose {
  readonly keeper: Keeper<MarkedLink>
  readonly pace: Pace
  /** Milliseconds. */
  readonly monotonic: () => number
}

/** In one transaction, in their order; never throws. */
export const attempt = async (starts: readonly (() => Attempted)[], options: AttemptOptions): Promise<Outcome> => {
  let link: MarkedLink
  try {
    link = await options.keeper.get()
  } catch (error) {
    return { kind: 'refused', error }
  }
  const transaction = beginOn(link, options.monotonic)
  const told: (() => void)[] = []
  try {
    for (const start of starts) told.push(await start().run(transaction))
  } catch (error) {
    const cause = await transaction.undo(error)
    return { kind: link.isBroken() ? 'lost' : 'refused', error: cause }
  }
  try {
    const { waited, all } = await transaction.commit()
    options.pace.took(waited, all, link)
    return { kind: 'committed', told }
  } catch (error) {
    const cause = await transaction.undo(error)
    if (isRefusal(cause)) return { kind: link.isBroken() ? 'lost' : 'refused', error: cause }
    return { kind: 'unknown', error: new StoreUnavailable(unknownSentence(options.place, options.user)), cause, told, mark: link.mark }
  }
}

export interface Patience {
  /** Whether it has ended. */
  readonly hasEnded: () => boolean
  /** What `answer` resolves with, or undefined when it has ended before. */
  readonly wait: <T>(answer: Promise<T>) => Promise<T | undefined>
}

/** Begins when it is first waited with. */
export const startPatience = (milliseconds: number): Patience => {
  let signal: AbortSignal | undefined
  return {
    hasEnded: () => signal?.aborted === true,
    wait: async (answer) => {
      signal ??= AbortSignal.timeout(milliseconds)
      const until = signal
      if (until.aborted) return undefined
      const ended = new Promise<undefined>((resolve) => {
        until.addEventListener('abort', () => resolve(undefined), { once: true })
      })
      return await Promise.race([answer, ended])
    },
  }
}

/** Milliseconds until the next question. */
const ASK_AGAIN = 50

/** @param away told each time that no answer was to be had */
export const learn = async (
  unknown: Unknown,
  { keeper }: Pick<AttemptOptions, 'keeper'>,
  patience: Patience,
  away: () => void,
): Promise<Outcome> => {
  const { mark, told, cause } = unknown
  if (mark === undefined) return unknown
  const ask = async (): Promise<boolean | undefined> => {
    while (!patience.hasEnded()) {
      try {
        const link = await keeper.get()
        try {
          return await askMark(link, mark)
        } catch (error) {
          if (endsLink(error) || isTimeout(error)) link.destroy()
        }
      } catch {
        // Still away.
      }
      away()
      await pause(ASK_AGAIN)
    }
    return undefined
  }
  const committed = await patience.wait(ask())
  if (committed === undefined) return unknown
  return committed ? { kind: 'committed', told } : { kind: 'undone', error: cause }
}
