// What a client's plan leaves it at the token endpoint: its token budget and its rate, as refusals and as the RateLimit fields of every answer.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { RateLimit } from '@countersign/protocol/oauth/rate_limit'
import { writeRateLimits } from '@countersign/protocol/oauth/rate_limit'
import type { Client } from '../model/client.ts'
import type { Charge, Meter, Span } from '../model/ledger.ts'
import type { Quota, Rate } from '../model/plan.ts'
import { dayOf, spanOf } from '../model/window.ts'
import type { Caller, RealmContext } from './context.ts'
import type { Drawn } from './throttle.ts'

/** A client's token budget and the window it is in. */
export interface TokenBudget {
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
  return { meter: { account: accountOf(realm.id, client), name: TOKENS }, quota, span: spanOf(quota.window, now), now }
}

/** Who pays, in the ledger and at the throttle. */
export function accountOf(realmId: string, { clientId }: Client): string {
  return `${realmId}/${clientId}`
}

export interface Limits {
  /** Pays for being heard at all. @throws OAuthError slow_down with status 429 when the rate is used up */
  hear(): void
  /** Pays the rest of what a fresh token costs. @throws as `hear` */
  freshen(): void
  /** The charge of one fresh token; null without a budget. */
  charge(caller: Caller): Charge | null
  /** What the ledger said of the budget, so that the answer need not ask again. Tells the operator of thresholds. */
  charged(used: number): void
  /** What to refuse with when the ledger has no token left. */
  exhausted(used: number): OAuthError
  /** The RateLimit fields, names in lower case; none without a plan. Never rejects. */
  headers(): Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>>
}

export function limitsOf(context: RealmContext, client: Client): Limits {
  const plan = client.plan ?? context.realm.plan
  if (!plan || (plan.tokens === null && plan.rate === null)) return NO_LIMITS
  return new PlanLimits(context, client, plan.rate)
}

/** Prices in tenths of a fresh token: hearing a request that gets the token it already has costs a tenth. */
const HEARING = 1
const FRESH = 10

const TOKENS = 'tokens'
const REQUESTS = 'requests'
const NO_HEADERS = {}

const NO_LIMITS: Limits = {
  hear: () => undefined,
  freshen: () => undefined,
  charge: () => null,
  charged: () => undefined,
  exhausted: () => new OAuthError('server_error', 'There is no budget here that could be used up.'),
  headers: () => NO_HEADERS,
}

function tokensLeft({ quota, span, now }: TokenBudget, used: number): RateLimit {
  return {
    name: TOKENS,
    quota: quota.limit,
    window: span.end - span.start,
    remaining: Math.max(0, quota.limit - used),
    reset: span.end - now,
  }
}

/** A budget that only warns refuses nothing: beyond it there is none to tell, since a client that believes `r=0` stops. */
function isLimit({ quota }: TokenBudget, used: number): boolean {
  return quota.mode === 'enforce' || used < quota.limit
}

class PlanLimits implements Limits {
  readonly #context: RealmContext
  readonly #client: Client
  readonly #budget: TokenBudget | undefined
  readonly #rate: Rate | null
  #used: number | undefined
  #drawn: Drawn | undefined

  constructor(context: RealmContext, client: Client, rate: Rate | null) {
    this.#context = context
    this.#client = client
    this.#budget = tokenBudget(context, client)
    this.#rate = rate
  }

  hear(): void {
    this.#draw(HEARING)
  }

  freshen(): void {
    this.#draw(FRESH - HEARING)
  }

  charge(caller: Caller): Charge | null {
    if (!this.#budget) return null
    const { meter, quota, span, now } = this.#budget
    const limit = quota.mode === 'enforce' ? quota.limit : null
    return { meter, span, units: 1, limit, origin: { day: dayOf(quota.window, now), ...caller }, now }
  }

  /** Each threshold once in a window: the ledger says of every charge which unit it was. */
  charged(used: number): void {
    this.#used = used
    if (!this.#budget) return
    const { limit, window, warnAt } = this.#budget.quota
    for (const share of warnAt) {
      if (used !== Math.ceil((limit * share) / 100)) continue
      const who = `Client ${this.#client.clientId} of realm ${this.#context.realm.id}`
      this.#context.notice(`${who} has used ${share} % of its ${limit} tokens of this ${window.unit}.`)
    }
  }

  exhausted(used: number): OAuthError {
    this.#used = used
    if (!this.#budget) return new OAuthError('server_error', 'There is no budget here that could be used up.')
    const { quota, span, now } = this.#budget
    const until = new Date(span.end * 1000).toISOString().replace('.000Z', 'Z')
    const spent = `The ${quota.limit} tokens of this ${quota.window.unit} are used up; there are new ones from ${until}.`
    return new OAuthError('slow_down', `${spent} Reuse each token until it expires.`, { retryAfter: span.end - now })
  }

  headers(): Promise<Readonly<Record<string, string>>> | Readonly<Record<string, string>> {
    if (!this.#budget || this.#used !== undefined) return this.#write(this.#used)
    const { meter, span } = this.#budget
    return this.#context.ledger.used(meter, span.start).then(
      (used) => this.#write(used),
      () => this.#write(undefined),
    )
  }

  #write(used: number | undefined): Readonly<Record<string, string>> {
    const limits: RateLimit[] = []
    if (this.#budget && used !== undefined && isLimit(this.#budget, used)) limits.push(tokensLeft(this.#budget, used))
    if (this.#rate && this.#drawn) {
      const { remaining, reset } = this.#drawn
      limits.push({ name: REQUESTS, quota: this.#rate.limit, window: this.#rate.seconds, remaining, reset })
    }
    return writeRateLimits(limits)
  }

  #draw(tenths: number): void {
    if (!this.#rate) return
    const account = accountOf(this.#context.realm.id, this.#client)
    this.#drawn = this.#context.throttle.draw(account, this.#rate, tenths)
    if (this.#drawn.allowed) return
    const { limit, seconds } = this.#rate
    // Whoever comes back then must have enough for a fresh token. What is refused draws nothing.
    const { retryAfter } = this.#context.throttle.draw(account, this.#rate, FRESH)
    const sentence = `This client may ask for ${limit} tokens in ${seconds} s. Try again in ${retryAfter} s, and reuse each token until it expires.`
    throw new OAuthError('slow_down', sentence, { retryAfter })
  }
}
