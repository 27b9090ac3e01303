// A plan and what is reused, from the operator's words to the model.
import type { CalendarWindow, Plan, Quota, Rate, RequestPlan, Reuse } from '../model/plan.ts'
import type { Findings } from './error.ts'
import { lifetime } from './lifetime.ts'
import type { PlanInput, QuotaInput, RateInput, RequestPlanInput, ReuseInput, VolumeInput } from './plan_input.ts'

const WARN_AT: readonly number[] = [50, 80, 95]
const RATE_SECONDS = 60
/** Of its life, where reuse is on without a number. */
const REUSE_SHARE = 0.5

/** The most units that a volume may have: far below where whole numbers stop being exact. */
export const MOST_UNITS = 1_000_000_000_000

/** null for none. */
export function resolvePlan(input: PlanInput | undefined, path: string, findings: Findings): Plan | null {
  if (input === undefined) return null
  return {
    tokens: input.tokens === undefined ? null : quota(input.tokens),
    rate: input.rate === undefined ? null : rate(input.rate),
    requests: input.requests === undefined ? null : requests(input.requests, `${path}.requests`, findings),
  }
}

export function resolveReuse(input: ReuseInput): Reuse {
  if (input === false) return { share: 'off' }
  return { share: input === true ? REUSE_SHARE : input }
}

function quota({ limit, per = 'month', timeZone = 'UTC', mode = 'enforce', warnAt = WARN_AT }: QuotaInput): Quota {
  return { limit, window: { unit: per, timeZone }, mode, warnAt: [...warnAt].sort((a, b) => a - b) }
}

function requests(input: RequestPlanInput, path: string, { mistakes }: Findings): RequestPlan {
  const { perDay, perMonth, mode = 'enforce' } = input
  const rates = (input.rates ?? []).map(rate)
  for (const [index, { seconds }] of rates.entries()) {
    const first = rates.findIndex((one) => one.seconds === seconds)
    if (first < index)
      mistakes.push({ path: `${path}.rates[${index}].per`, message: `is that of rates[${first}] too: only the tighter one would count` })
  }
  return {
    rates,
    volumes: [
      ...(perDay === undefined ? [] : [volume(perDay, 'day', mode)]),
      ...(perMonth === undefined ? [] : [volume(perMonth, 'month', mode)]),
    ],
    concurrency: input.concurrency ?? null,
    mode,
    withoutLedger: input.withoutLedger ?? 'deny',
  }
}

function volume(input: number | VolumeInput, per: CalendarWindow['unit'], mode: Quota['mode']): Quota {
  return quota({ mode, ...(typeof input === 'number' ? { limit: input } : input), per })
}

function rate({ limit, per = RATE_SECONDS, burst = limit }: RateInput): Rate {
  return { limit, seconds: lifetime(per), burst }
}
