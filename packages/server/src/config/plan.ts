// A plan and what is reused, from the operator's words to the model.
import type { Plan, Quota, Rate, Reuse } from '../model/plan.ts'
import type { PlanInput, QuotaInput, RateInput, ReuseInput } from './input.ts'
import { lifetime } from './lifetime.ts'

const WARN_AT: readonly number[] = [50, 80, 95]
const RATE_SECONDS = 60
/** Of its life, where reuse is on without a number. */
const REUSE_SHARE = 0.5

/** null for none. */
export function resolvePlan(input: PlanInput | undefined): Plan | null {
  if (input === undefined) return null
  return { tokens: input.tokens === undefined ? null : quota(input.tokens), rate: input.rate === undefined ? null : rate(input.rate) }
}

export function resolveReuse(input: ReuseInput): Reuse {
  if (input === false) return { share: 'off' }
  return { share: input === true ? REUSE_SHARE : input }
}

function quota({ limit, per = 'month', timeZone = 'UTC', mode = 'enforce', warnAt = WARN_AT }: QuotaInput): Quota {
  return { limit, window: { unit: per, timeZone }, mode, warnAt: [...warnAt].sort((a, b) => a - b) }
}

function rate({ limit, per = RATE_SECONDS, burst = limit }: RateInput): Rate {
  return { limit, seconds: lifetime(per), burst }
}
