// Step `budget`: whether the tokens of this month will last.
import { quotaWords } from '../quota_words.ts'
import type { Finding, Patient } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

const STEP = 'budget'
const MORE = 'Share one token between all processes (the cache, or callsign sidecar), or have the budget raised; callsign quota tells more.'

export async function examineBudget({ client, world }: Patient): Promise<readonly Finding[]> {
  try {
    const quota = await client.quota()
    if (!quota) return [ok(STEP, 'The provider tells of no token budget.')]
    const words = quotaWords(quota, world.now())
    if (quota.remaining === 0) return [fail(STEP, words.left, MORE)]
    if (quota.enoughUntil !== null && quota.enoughUntil < quota.resetAt) return [warn(STEP, `${words.left} ${words.pace}`, MORE)]
    return [ok(STEP, words.left)]
  } catch {
    return [warn(STEP, 'The provider did not tell of the token budget.', 'Try callsign quota.')]
  }
}
