// The charge: a fresh token is paid for, durably, before it is made. What the plan says, and what is left of it, goes into every answer.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { RateLimit } from '@countersign/protocol/oauth/rate_limit'
import { writeRateLimits } from '@countersign/protocol/oauth/rate_limit'
import type { Client } from '../model/client.ts'
import type { Meter, Span } from '../model/ledger.ts'
import type { Quota } from '../model/plan.ts'
import { dayOf, spanOf } from '../model/window.ts'
import type { Caller, RealmContext } from './context.ts'

/** A fresh token that is paid for, or that costs nothing since the client has no budget. */
export interface Charged {
  /** The RateLimit fields of the answer, names in lower case; none without a budget. */
  readonly headers: Readonly<Record<string, string>>
  /** Takes the charge back, for an answer that certainly never left. Never rejects: charged and not delivered is the safe side. */
  readonly refund: () => Promise<void>
}

const METER = 'tokens'
const FREE: Charged = { headers: {}, refund: () => Promise.resolve() }

/** @throws OAuthError slow_down with status 429 when the budget is used up; nothing is charged then. */
export async function chargeToken(context: RealmContext, client: Client, caller: Caller): Promise<Charged> {
  const budget = tokenBudget(context, client)
  if (!budget) return FREE
  const { meter, quota, span, now } = budget
  const outcome = await context.ledger.charge({
    meter,
    span,
    units: 1,
    limit: quota.mode === 'enforce' ? quota.limit : null,
    origin: { day: dayOf(quota.window, now), ...caller },
    now,
  })
  const headers = writeRateLimits([standing(quota, span, outcome.used, now)])
  if (!outcome.charged) throw exhausted(quota, span, now, headers)
  warn(context, client, quota, outcome.used)
  return { headers, refund: () => context.ledger.refund(outcome).catch(() => undefined) }
}

/** A client's token budget and the window it is in. */
interface TokenBudget {
  readonly meter: Meter
  readonly quota: Quota
  readonly span: Span
  /** Epoch seconds. */
  readonly now: number
}

/** undefined: this client has as many tokens as it asks for. */
export function tokenBudget({ realm, now: clock }: RealmContext, client: Client): TokenBudget | undefined {
  const quota = (client.plan ?? realm.plan)?.tokens
  if (!quota) return undefined
  const now = clock()
  return { meter: { account: `${realm.id}/${client.clientId}`, name: METER }, quota, span: spanOf(quota.window, now), now }
}

function standing({ limit }: Quota, span: Span, used: number, now: number): RateLimit {
  return { name: METER, quota: limit, window: span.end - span.start, remaining: Math.max(0, limit - used), reset: span.end - now }
}

function exhausted({ limit, window }: Quota, span: Span, now: number, headers: Readonly<Record<string, string>>): OAuthError {
  const until = new Date(span.end * 1000).toISOString().replace('.000Z', 'Z')
  const sentence = `The ${limit} tokens of this ${window.unit} are used up; there are new ones from ${until}. Reuse each token until it expires.`
  return new OAuthError('slow_down', sentence, { retryAfter: span.end - now, headers })
}

/** Each threshold once in a window: the ledger says of every charge which unit it was. */
function warn(context: RealmContext, client: Client, { limit, window, warnAt }: Quota, used: number): void {
  for (const share of warnAt) {
    if (used !== Math.ceil((limit * share) / 100)) continue
    context.notice(
      `Client ${client.clientId} of realm ${context.realm.id} has used ${share} % of its ${limit} tokens of this ${window.unit}.`,
    )
  }
}
