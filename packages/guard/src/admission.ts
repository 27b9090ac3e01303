// The last step of the pipeline: what a plan (ports.ts) says to a request that is otherwise allowed, as a verdict. Counts nothing itself.
import type { Denier } from './challenge.ts'
import type { Route } from './policy.ts'
import type { AdmissionAnswer, AdmissionRequest, Admissions } from './ports.ts'
import type { Allow, Deny, Verdict } from './verdict.ts'

/** Never throws and never rejects. */
export type Admit<Asked> = (allow: Allow, route: Route, asked: Asked) => Verdict | Promise<Verdict>

/**
 * @param fail the denial of a request that the plan could not be asked about
 * @param tell is told of a verdict that was waited for, and of no other
 */
export function createAdmit<Asked extends { readonly request: Pick<AdmissionRequest, 'address' | 'unseen'> }>(
  admissions: Admissions,
  deny: Denier,
  fail: (error: unknown) => Deny,
  tell: (verdict: Verdict, asked: Asked) => Verdict,
): Admit<Asked> {
  const read = (answer: AdmissionAnswer, allow: Allow, route: Route): Verdict => {
    try {
      return verdictOf(answer, allow, deny, route)
    } catch (error) {
      return fail(error)
    }
  }
  return (allow, route, asked) => {
    const { address, unseen } = asked.request
    try {
      const answer = admissions.admit({ principal: allow.principal, route: route.name, cost: route.cost, address, unseen })
      return answer instanceof Promise
        ? answer.then(
            (one) => tell(read(one, allow, route), asked),
            (error: unknown) => tell(fail(error), asked),
          )
        : read(answer, allow, route)
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
