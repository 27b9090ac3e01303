// A token budget in sentences.
import type { Quota } from '../client.ts'
import { duration, localTime } from './time_words.ts'

/** @param now epoch seconds. */
export function quotaWords(quota: Quota, now: number): { readonly left: string; readonly reset: string; readonly pace: string } {
  const { limit, used, remaining, resetAt, enoughUntil } = quota
  const share = limit === 0 ? 0 : Math.floor((remaining / limit) * 100)
  return {
    left: remaining === 0 ? `All ${limit} tokens are used up.` : `${remaining} of ${limit} tokens are left (${share} %); ${used} are used.`,
    reset: `There are new ones in ${duration(Math.max(0, Math.round(resetAt - now)))}, at ${localTime(told(resetAt, now))}.`,
    pace: paceWords(remaining, enoughUntil, resetAt, now),
  }
}

/** A window's end is known to a second or two, from two clocks: far away it is told to the minute. */
function told(moment: number, now: number): number {
  return moment - now > 3600 ? Math.round(moment / 60) * 60 : moment
}

function paceWords(remaining: number, enoughUntil: number | null, resetAt: number, now: number): string {
  if (remaining === 0) return 'Until then no token is to be had.'
  if (enoughUntil === null || enoughUntil >= resetAt) return 'At this pace they last until then.'
  return `At this pace they last for ${duration(Math.max(0, Math.round(enoughUntil - now)))} only, until ${localTime(enoughUntil)}.`
}
