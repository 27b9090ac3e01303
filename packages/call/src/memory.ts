// What is known besides the token: failures, refusals of the API, the budget. Shared where the cache can, this client's own always.

import type { BackOffLimits } from './back_off.ts'
import { backOff } from './back_off.ts'
import type { Budget } from './budget.ts'
import { DiscoveryFailed, TokenRequestFailed } from './errors.ts'
import type { Remembered, TokenCache } from './token_cache.ts'

export interface Memory {
  /** As it was known last, without asking anybody. */
  readonly last: () => Remembered
  readonly recall: (key: string) => Promise<Remembered>
  /** Members that are undefined are forgotten. */
  readonly note: (key: string, change: Remembered) => Promise<void>
}

export function createMemory(cache: TokenCache): Memory {
  let last: Remembered = {}
  /** What this client noted itself: all there is where the cache shares nothing, or has lost it. */
  let own: Remembered = {}
  const recall = async (key: string): Promise<Remembered> => {
    last = (await cache.recall?.(key)) ?? own
    return last
  }
  return {
    last: () => last,
    recall,
    async note(key, change) {
      own = { ...(await recall(key)), ...change }
      last = own
      await cache.remember?.(key, own)
    },
  }
}

export type Failure = TokenRequestFailed | DiscoveryFailed

export interface FailureMemory {
  /** @throws what failed last, here or with those who share the cache, until its time is over. */
  readonly check: (shared?: Remembered['failure']) => void
  /** @param shared what the others knew. @returns epoch milliseconds of the next try. */
  readonly failed: (failure: Failure, shared: Remembered['failure']) => number
  /** What the others are to know: only what the server itself answered, since another machine may reach it. */
  readonly shareable: () => Remembered['failure']
  readonly forget: () => void
}

interface Clocks {
  readonly monotonic: () => number
  readonly now: () => number
  readonly random: () => number
}

/** Refused credentials are tried again slowly: each attempt may count towards a lockout. */
const REFUSED: BackOffLimits = { firstMs: 2000, mostMs: 600_000 }
const TEMPORARY: BackOffLimits = { firstMs: 500, mostMs: 60_000 }
const MAX_RETRY_AFTER_MS = 32 * 86_400_000

export function createFailureMemory({ monotonic, now, random }: Clocks): FailureMemory {
  let failure: Failure | undefined
  let count = 0
  let retryAt = 0
  return {
    check(shared) {
      const left = retryAt - monotonic()
      if (failure && left > 0) throw again(failure, left)
      const others = shared ? shared.retryAt - now() * 1000 : 0
      // Longer than anything is remembered: a clock was set back.
      if (shared && others > 0 && others <= MAX_RETRY_AFTER_MS) {
        // The code was one of ours when it was written; whatever it is, it is only shown.
        throw again(new TokenRequestFailed({ ...shared, code: shared.code as TokenRequestFailed['code'] }), others)
      }
    },
    failed(error, shared) {
      failure = error
      count = Math.max(count, shared?.count ?? 0) + 1
      const waitMs = backOff(count, isTemporary(error) ? TEMPORARY : REFUSED, random())
      const told = error instanceof TokenRequestFailed ? (error.retryAfter ?? 0) * 1000 : 0
      const pause = Math.max(waitMs, Math.min(told, MAX_RETRY_AFTER_MS))
      retryAt = monotonic() + pause
      return now() * 1000 + pause
    },
    shareable() {
      if (!(failure instanceof TokenRequestFailed) || failure.status === undefined) return undefined
      const { code, origin, status, description } = failure
      return { code, origin, status, description, count, retryAt: now() * 1000 + retryAt - monotonic() }
    },
    forget() {
      failure = undefined
      count = 0
    },
  }
}

function isTemporary(error: Failure): boolean {
  return error instanceof TokenRequestFailed ? error.temporary : error.code === 'unreachable'
}

/** The same failure for a later caller, with its own stack and the time that is left. */
function again(failure: Failure, leftMs: number): Error {
  if (failure instanceof DiscoveryFailed) return failure
  const { code, origin, status, serverCode, description } = failure
  return new TokenRequestFailed({ code, origin, status, serverCode, description, retryAfter: Math.ceil(leftMs / 1000) })
}

/** What the fields of an answer do not say, and the last word on it still holds. */
export function kindOf({ enforced, reuses }: Partial<Budget> = {}): Pick<Budget, 'enforced' | 'reuses'> {
  return { ...(enforced === undefined ? {} : { enforced }), ...(reuses === undefined ? {} : { reuses }) }
}
