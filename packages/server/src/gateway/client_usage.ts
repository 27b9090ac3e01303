// One client's requests against its plan: the windows it is in, the charges of one request, and what the caller is told of both in the
// RateLimit fields and in refusals. Decides nothing.
import { endRateLimit, startRateLimit, writeRateLimitPolicy } from '@countersign/protocol/oauth/rate_limit'
import type { Drawing } from '@countersign/protocol/oauth/sliding_rate'
import type { RequestVolume } from '../issue/request_volumes.ts'
import { requestVolumes, windowNames } from '../issue/request_volumes.ts'
import type { Charge } from '../model/ledger.ts'
import type { UsageKey } from '../model/metering.ts'
import type { Rate, RequestPlan } from '../model/plan.ts'
import { dayOf } from '../model/window.ts'
import type { Account, Entry } from './request_limits.ts'
import { adoptRates } from './request_limits.ts'

export interface ClientUsage extends Account {
  /** `realm/client`, as the ledger has it. */
  readonly name: string
  plan: RequestPlan | undefined
  /** The windows of now. */
  volumes: readonly RequestVolume[]
  /** What the ledger last said of each; undefined: it was not asked yet. */
  used: readonly number[] | undefined
  /** A volume that is used up, and until when it is not asked again. */
  spent: { readonly index: number; readonly untilMs: number } | undefined
  /** Epoch milliseconds: before, the operator is not told once more that it is over a limit that lets it pass. */
  toldAgainMs: number
  /** Epoch seconds: from `startsAt` and before `endsAt` the windows are those of now. */
  startsAt: number
  endsAt: number
  /** `RateLimit-Policy`. */
  policy: string
  /** `RateLimit` in parts, since mostly only numbers change: what stands before that of each rate, and then of each volume. */
  starts: readonly string[]
  /** The same with what stands behind the number before it, and last what stands behind the last. */
  between: Between | undefined
  /** Of its last request: most often the next one has the same. */
  key: UsageKey | undefined
  charged: { readonly units: number; readonly now: number; readonly charges: readonly Charge[] } | undefined
}

/** All of `RateLimit` but what is left of each, as long as everything is back after the same seconds. */
interface Between {
  /** Epoch seconds: the ends of the volumes are told from there. */
  readonly now: number
  /** Seconds, of each rate. */
  readonly resets: readonly number[]
  readonly texts: readonly string[]
}

export function createClientUsage(name: string): ClientUsage {
  return {
    name,
    rates: [],
    arrivals: [],
    underWay: 0,
    dearest: 0,
    plan: undefined,
    volumes: [],
    used: undefined,
    spent: undefined,
    toldAgainMs: 0,
    startsAt: 0,
    endsAt: 0,
    policy: '',
    starts: [],
    between: undefined,
    key: undefined,
    charged: undefined,
  }
}

/** Brings it to this plan and the windows of now. */
export function bringUpToDate(usage: ClientUsage, plan: RequestPlan, nowMs: number): void {
  const now = Math.floor(nowMs / 1000)
  if (usage.plan === plan && usage.startsAt <= now && now < usage.endsAt) return
  adoptRates(usage, plan.rates)
  usage.plan = plan
  usage.volumes = requestVolumes(usage.name, plan, now)
  usage.used = undefined
  usage.spent = undefined
  usage.charged = undefined
  usage.startsAt = Math.max(0, ...usage.volumes.map(({ span }) => span.start))
  usage.endsAt = Math.min(...usage.volumes.map(({ span }) => span.end))
  const rateNames = windowNames(plan.rates.map(({ seconds }) => `${seconds}s`))
  usage.policy = writeRateLimitPolicy([
    ...plan.rates.map(({ limit, seconds }, index) => ({ name: rateNames[index] ?? '', quota: limit, window: seconds })),
    ...usage.volumes.map(({ name, quota, span }) => ({ name, quota: quota.limit, window: span.end - span.start })),
  ])
  usage.starts = [...rateNames, ...usage.volumes.map(({ name }) => name)].map(startRateLimit)
  usage.between = undefined
}

/** What a request is counted under: the same object as for the last one, where it is the same. */
export function keyOf(usage: ClientUsage, realmId: string, clientId: string, apiKeyId: string, apiId: string, route: string): UsageKey {
  const last = usage.key
  if (last?.route === route && last.apiKeyId === apiKeyId && last.apiId === apiId) return last
  usage.key = { realmId, clientId, apiKeyId, apiId, route }
  return usage.key
}

/** What each volume is charged: the same objects for the same units in the same second. */
export function chargesOf(usage: ClientUsage, units: number, now: number): readonly Charge[] {
  if (units === 0) return []
  const before = usage.charged
  if (before?.units === units && before.now === now) return before.charges
  const charges = usage.volumes.map(({ meter, quota, span }): Charge => {
    // Counted by day alone: which key and route paid is in the hours of the usage.
    const origin = { day: dayOf(quota.window, now), address: '', userAgent: '' }
    return { meter, span, units, limit: quota.mode === 'enforce' ? quota.limit : null, origin, now }
  })
  usage.charged = { units, now, charges }
  return charges
}

/** `RateLimit-Policy` and `RateLimit`. @param used of each volume; undefined: not known, and left out of `RateLimit` */
export function rateLimitFields(
  usage: ClientUsage,
  { drawings }: Entry,
  used: readonly number[] | undefined,
  now: number,
): Readonly<Record<string, string>> {
  const { policy, volumes } = usage
  if (policy === '') return NO_FIELDS
  // The plan has changed meanwhile, and these are numbers of the one before.
  if (drawings.length + volumes.length !== usage.starts.length) return { 'ratelimit-policy': policy }
  const texts = textsBetween(usage, drawings, now)
  // Indexed loops, and a growing text of parts that are there already: this is on the way of every request.
  let text = ''
  for (let index = 0; index < drawings.length; index++) text += (texts[index] ?? '') + Math.floor((drawings[index]?.leftTenths ?? 0) / 10)
  if (used === undefined) {
    const last = drawings.at(-1)
    return last ? { 'ratelimit-policy': policy, ratelimit: text + endRateLimit(secondsOf(last)) } : { 'ratelimit-policy': policy }
  }
  for (let index = 0; index < volumes.length; index++) {
    const left = Math.max(0, (volumes[index]?.quota.limit ?? 0) - (used[index] ?? 0))
    text += (texts[drawings.length + index] ?? '') + left
  }
  return { 'ratelimit-policy': policy, ratelimit: text + (texts.at(-1) ?? '') }
}

/** The same texts while they say the same: for most requests of one second. */
function textsBetween(usage: ClientUsage, drawings: readonly Drawing[], now: number): readonly string[] {
  const known = usage.between
  if (known?.now === now && saysTheSame(known.resets, drawings)) return known.texts
  const resets = drawings.map(secondsOf)
  const ends = [...resets, ...usage.volumes.map(({ span }) => span.end - now)].map(endRateLimit)
  const texts = [...usage.starts, ''].map((start, index) => {
    const end = ends[index - 1]
    if (end === undefined) return start
    return start === '' ? end : `${end}, ${start}`
  })
  usage.between = { now, resets, texts }
  return texts
}

function saysTheSame(resets: readonly number[], drawings: readonly Drawing[]): boolean {
  for (let index = 0; index < drawings.length; index++) {
    const drawing = drawings[index]
    if (drawing && resets[index] !== secondsOf(drawing)) return false
  }
  return true
}

const secondsOf = ({ resetMs }: Drawing): number => Math.ceil(resetMs / 1000)

/** One sentence. @param retryAfter seconds */
export function rateExceeded({ limit, seconds, burst }: Rate, cost: number, retryAfter: number): string {
  const counts = cost > 1 ? `, and this one counts as ${cost}` : ''
  const allows = `The plan allows ${limit} requests in ${seconds} s${counts}`
  return cost > burst
    ? `${allows}: that is more than the ${burst} that may come at once, so it never passes.`
    : `${allows}; there are enough again in ${retryAfter} s.`
}

export function concurrencyExceeded(most: number): string {
  return `The plan allows ${most} requests at once, and as many are under way; there is room when one of them is answered.`
}

export function volumeExceeded({ quota: { limit, window }, span }: RequestVolume, used: number, cost: number): string {
  const requests = `the ${limit} requests of this ${window.unit}`
  const more = `there are more from ${new Date(span.end * 1000).toISOString().replace('.000Z', 'Z')}`
  if (cost > limit) return `This request counts as ${cost}, which is more than ${requests}, so it never passes.`
  return used >= limit
    ? `T${requests.slice(1)} are used up; ${more}.`
    : `This request counts as ${cost}, and of ${requests} ${limit - used} are left; ${more}.`
}

const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze({})
