// What a client has used of its token budget and of its requests to guarded APIs, told to the client itself: limit, used, remaining, reset, what counted, how long it will last.
// `GET /realms/{realm}/usage` with client_secret_basic, or POST with the credentials in the body.
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireRequest } from '@countersign/protocol/dialect/message'
import { readBasicAuth } from '@countersign/protocol/oauth/basic_auth'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Client } from '../../model/client.ts'
import type { Span } from '../../model/ledger.ts'
import type { Quota } from '../../model/plan.ts'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Endpoint, RealmContext } from '../context.ts'
import { accountOf, tokenBudget } from '../limits.ts'
import { requestPlanOf, requestVolumes } from '../request_volumes.ts'
import { jsonResponse } from './json_response.ts'

/** Rows of the breakdown at most. */
const MOST_ROWS = 100

export const usage: Endpoint = {
  methods: ['GET', 'POST'],
  query: false,
  async answer(context, dialect, wire) {
    const { client } = await authenticateClient(context, dialect, readCredentials(dialect, wire), wire)
    if (client.authMethods.includes('none'))
      throw new OAuthError('unauthorized_client', 'A public client proves nothing, so its usage is not told.')
    const [tokens, apis] = await Promise.all([tokensOf(context, client), apisOf(context, client)])
    return jsonResponse({ client_id: client.clientId, tokens, requests: requestsOf(context, client), apis })
  },
}

async function tokensOf(context: RealmContext, client: Client): Promise<Record<string, unknown> | null> {
  const budget = tokenBudget(context, client)
  if (!budget) return null
  const { meter, quota, span, now } = budget
  const [used, rows] = await Promise.all([context.ledger.used(meter, span.start), context.ledger.breakdown(meter, span.start, MOST_ROWS)])
  return {
    limit: quota.limit,
    used,
    remaining: Math.max(0, quota.limit - used),
    mode: quota.mode,
    window: windowOf(quota, span),
    reset: span.end - now,
    counted: rows.map(({ day, address, userAgent, units }) => ({ day, address, user_agent: userAgent, tokens: units })),
    forecast: forecast(quota.limit, used, span, now),
  }
}

/** The volumes of requests to guarded APIs, by their names in the RateLimit fields; null without a plan for them. */
async function apisOf(context: RealmContext, client: Client): Promise<Record<string, unknown> | null> {
  const plan = requestPlanOf(context.realm.plan, client)
  if (!plan) return null
  const now = context.now()
  const volumes = requestVolumes(accountOf(context.realm.id, client), plan, now)
  const told = volumes.map(async ({ name, meter, quota, span }) => {
    const used = await context.ledger.used(meter, span.start)
    const left = { limit: quota.limit, used, remaining: Math.max(0, quota.limit - used), mode: quota.mode }
    return [
      name,
      { ...left, window: windowOf(quota, span), reset: span.end - now, forecast: forecast(quota.limit, used, span, now) },
    ] as const
  })
  return Object.fromEntries(await Promise.all(told))
}

function windowOf({ window: { unit, timeZone } }: Quota, { start, end }: Span): Record<string, string> {
  return { unit, time_zone: timeZone, start: instant(start), end: instant(end) }
}

/** The sliding rate of the token endpoint, as it stands; asking draws nothing. */
function requestsOf(context: RealmContext, client: Client): Record<string, number> | null {
  const rate = (client.plan ?? context.realm.plan)?.rate
  if (!rate) return null
  const { remaining, reset } = context.throttle.draw(accountOf(context.realm.id, client), rate, 0)
  return { limit: rate.limit, seconds: rate.seconds, burst: rate.burst, remaining, reset }
}

function readCredentials(dialect: CompiledDialect, wire: WireRequest): TokenRequest {
  if (wire.method === 'POST') return dialect.tokenRequest.read(wire)
  const field = wire.headers['authorization']
  const basic = field === undefined ? undefined : readBasicAuth(field)
  return basic ? { parameters: new Map(), basic } : { parameters: new Map() }
}

/** At the rate of the window so far. `enough_until` is null if the budget lasts to the window's end. */
function forecast(limit: number, used: number, { start, end }: Span, now: number): { enough_until: string | null; sentence: string } {
  if (used >= limit) return { enough_until: instant(now), sentence: 'The budget is used up.' }
  const rate = used / Math.max(1, now - start)
  // Infinite while nothing is used.
  const lasts = now + (limit - used) / rate
  if (lasts >= end) return { enough_until: null, sentence: 'At this rate enough until the window ends.' }
  return { enough_until: instant(lasts), sentence: `At this rate enough until ${instant(lasts)}.` }
}

function instant(seconds: number): string {
  return new Date(Math.floor(seconds) * 1000).toISOString().replace('.000Z', 'Z')
}
