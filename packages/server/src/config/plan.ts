// A plan from the operator's words to the model.
import type { Plan } from '../model/plan.ts'
import type { PlanInput } from './input.ts'

const WARN_AT: readonly number[] = [50, 80, 95]

/** null for none. */
export function resolvePlan(input: PlanInput | undefined): Plan | null {
  if (input === undefined) return null
  const { tokens } = input
  if (tokens === undefined) return { tokens: null }
  const { limit, per = 'month', timeZone = 'UTC', mode = 'enforce', warnAt = WARN_AT } = tokens
  return { tokens: { limit, window: { unit: per, timeZone }, mode, warnAt: [...warnAt].sort((a, b) => a - b) } }
}
