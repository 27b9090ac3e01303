// The last step of the pipeline: what a plan (ports.ts) says to a request that is otherwise allowed, as a verdict. Counts nothing itself.
import type { Denier } from './challenge.ts'
import type { Route } from './policy.ts'
import type { AdmissionAnswer, AdmissionRequest, Admissions } from './ports.ts'
import type { Allow, Deny, Verdict } from './verdict.ts'

/** Never throws and never rejects. */
export type Admit = (allow: Allow, route: Route, request: Pick<AdmissionRequest, 'address' | 'unseen'>) => Verdict | Promise<Verdict>

/** @param fail the denial of a request that the plan could not be asked about */
export function createAdmit(admissions: Admissions, deny: Denier, fail: (error: unknown) => Deny): Admit {
  return (allow, route, { address, unseen }) => {
    try {
      const answer = admissions.admit({ principal: allow.principal, route: route.name, cost: route.cost, address, unseen })
      return answer instanceof Promise
        ? answer.then((one) => verdictOf(one, allow, deny, route), fail)
        : verdictOf(answer, allow, deny, route)
    } catch (error) {
      return fail(error)
    }
  }
}

function verdictOf(answer: AdmissionAnswer, { principal }: Allow, deny: Denier, { name }: Route): Verdict {
  // One for each request: the caller's own, not to be shared.
  if (answer.admitted) return { allow: true, principal, headers: answer.headers, done: answer.done, route: name }
  const { code, detail, headers, retryAfter } = answer
  // RFC 6585 section 4: what it says must be true. A request that no waiting helps gets none.
  const wait = Number.isFinite(retryAfter) ? { 'retry-after': String(Math.max(1, Math.ceil(retryAfter))) } : undefined
  return deny(code, { detail, headers: { ...headers, ...wait } })
}
