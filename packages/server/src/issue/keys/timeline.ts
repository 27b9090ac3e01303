// Which of a realm's keys signs at which moment: a question of their times alone, so that every process answers it alike and no key
// begins or ends by being told. Keys come oldest first, as the store has them. Owns no storage and no clock.
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../../model/realm.ts'
import type { SigningKey } from '../../model/signing_key.ts'

/** The words of `countersign key list`. `superseded`: another one signs, and this one is about to be retired. */
export type KeyState = 'published' | 'signing' | 'superseded' | 'retired'

/**
 * The key that signs at `now`: of those of the algorithm that are not retired the one that became active last.
 * If none is active yet (a clock was set back, or the key before it was taken away) the one that will be first: a token that some
 * verifier cannot check yet is better than none. Undefined if every one is retired.
 */
export function signingKeyAt(keys: readonly SigningKey[], algorithm: AlgorithmName, now: number): SigningKey | undefined {
  // The sort is stable: of two that became active together the newer one stands behind.
  const able = keys.filter((key) => key.algorithm === algorithm && !isRetired(key, now)).sort((a, b) => a.activeAt - b.activeAt)
  return able.findLast((key) => key.activeAt <= now) ?? able[0]
}

/** From when and until when the answer for `now` stands; the ends are moments at which a key becomes active or retires. */
export function standingAt(keys: readonly SigningKey[], now: number): { readonly from: number; readonly until: number } {
  const turns = keys.flatMap((key) => (key.retiredAt === null ? [key.activeAt] : [key.activeAt, key.retiredAt]))
  return {
    from: Math.max(Number.NEGATIVE_INFINITY, ...turns.filter((at) => at <= now)),
    until: Math.min(Number.POSITIVE_INFINITY, ...turns.filter((at) => at > now)),
  }
}

export function stateAt(key: SigningKey, keys: readonly SigningKey[], algorithm: AlgorithmName, now: number): KeyState {
  if (isRetired(key, now)) return 'retired'
  if (signingKeyAt(keys, algorithm, now)?.kid === key.kid) return 'signing'
  return key.activeAt > now ? 'published' : 'superseded'
}

export function isRetired(key: SigningKey, now: number): boolean {
  return key.retiredAt !== null && key.retiredAt <= now
}

/** The key made last, of any that the realm still has of that algorithm. */
export function newestOf(keys: readonly SigningKey[], algorithm: AlgorithmName): SigningKey | undefined {
  return keys.findLast((key) => key.algorithm === algorithm)
}

/** Epoch seconds: no token it signed can be alive any more. Null while it is not retired. */
export function removableAt({ retiredAt }: SigningKey): number | null {
  return retiredAt === null ? null : retiredAt + MAX_ACCESS_TOKEN_LIFETIME + MARGIN
}

/** Seconds by which clocks of processes may differ, and for which one that hears of nothing may go on signing. */
const MARGIN = 86_400
