// What a shared cache keeps, as text: moments of one process's monotonic clock become milliseconds after the writing, and back.
// How old a record is, its reader must know: by the machine's clock (token_file.ts) or by the store's (key_value_cache.ts).
import { LONGEST_LIFETIME } from '../freshness.ts'
import type { HeldToken, Remembered } from '../token_cache.ts'
import { isShowable } from '../token_cache.ts'

/** No record is longer: 64 kB of text. */
const MAX_RECORD = 65_536
/** Nor is what is kept of one: sealed it is a third longer, and in JSON it is quoted and has its stamp. */
export const MAX_KEPT = 2 * MAX_RECORD

/** @param at the moment of writing on the monotonic clock that `held` is told in. */
export function writeToken(held: HeldToken, at: number): string {
  const { freshness, refreshEndsAt, ...plain } = held
  // JSON has no Infinity, which means "ended" or "never" to a caller.
  const span = (moment: number): number => Math.min(Math.max(moment - at, -LONGEST_SPAN_MS), LONGEST_SPAN_MS)
  return JSON.stringify({
    version: VERSION,
    plain,
    renewIn: span(freshness.renewAt),
    waitIn: span(freshness.waitAt),
    endsIn: span(freshness.endsAt),
    ...(refreshEndsAt === undefined ? {} : { refreshEndsIn: span(refreshEndsAt) }),
  })
}

/**
 * Undefined for what is no record: damaged, or another version's.
 * @param at now, on the reader's monotonic clock.
 * @param age milliseconds since the writing; Infinity if that cannot be told: then everything in it that ends has ended.
 */
export function readToken(text: string, at: number, age: number): HeldToken | undefined {
  const record = parse(text)
  if (record?.['version'] !== VERSION || !isHeld(record['plain'])) return undefined
  const [renewIn, waitIn, endsIn, refreshEndsIn] = ['renewIn', 'waitIn', 'endsIn', 'refreshEndsIn'].map((name) => record[name])
  if (!isSpan(renewIn) || !isSpan(waitIn) || !isSpan(endsIn)) return undefined
  const moment = (after: number): number => (age === Number.POSITIVE_INFINITY ? at : at - Math.max(age, 0) + after)
  return {
    ...record['plain'],
    freshness: { renewAt: moment(renewIn), waitAt: moment(waitIn), endsAt: moment(endsIn) },
    ...(isSpan(refreshEndsIn) ? { refreshEndsAt: moment(refreshEndsIn) } : {}),
  }
}

/** Milliseconds from `at` for which this is worth keeping: to the end of the token, or of the refresh token, whose end is not always told. */
export function lifeOf({ freshness, refreshToken, refreshEndsAt }: HeldToken, at: number): number {
  const refreshLife = refreshToken === undefined ? 0 : (refreshEndsAt ?? at + ENDLESS_REFRESH_MS) - at
  return Math.min(Math.max(0, freshness.endsAt - at, refreshLife), LONGEST_SPAN_MS)
}

/**
 * Undefined if there is nothing to remember.
 * @param nowMs epoch milliseconds by the writer's clock, which `retryAt` and `rejection.at` are told in.
 */
export function writeRemembered({ failure, budget, rejection }: Remembered, nowMs: number): string | undefined {
  if (!failure && !budget && !rejection) return undefined
  const told = failure && { failure: { ...failure, retryAt: failure.retryAt - nowMs } }
  return JSON.stringify({ version: VERSION, ...told, budget, rejection: rejection && { ...rejection, at: rejection.at - nowMs } })
}

/** @param nowMs epoch milliseconds by the reader's clock; `age` as with tokens: of unknown age only the budget counts. */
export function readRemembered(text: string, nowMs: number, age: number): Remembered {
  const record = parse(text)
  if (record?.['version'] !== VERSION) return {}
  const [writtenAt, known] = [nowMs - Math.max(age, 0), Number.isFinite(age)]
  const { failure, budget, rejection } = record
  return {
    ...(known && isFailure(failure) ? { failure: { ...failure, retryAt: writtenAt + failure.retryAt } } : {}),
    ...(isBudget(budget) ? { budget } : {}),
    ...(known && isRejection(rejection) ? { rejection: { ...rejection, at: writtenAt + rejection.at } } : {}),
  }
}

/** Milliseconds for which it is worth keeping. */
export function lifeOfRemembered({ failure, budget, rejection }: Remembered, nowMs: number): number {
  const ends = [(failure?.retryAt ?? 0) + COUNTS_FOR_MS, (budget?.resetAt ?? 0) * 1000, (rejection?.at ?? 0) + COUNTS_FOR_MS]
  return Math.max(0, ...ends.map((end) => end - nowMs))
}

/** A JSON object, or undefined. */
export function parse(text: string, longest = MAX_RECORD): Record<string, unknown> | undefined {
  if (text.length > longest) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const VERSION = 1
const LONGEST_SPAN_MS = LONGEST_LIFETIME * 1000
/** Of a Date, in epoch seconds. */
const LAST_MOMENT = 8.64e12
const ENDLESS_REFRESH_MS = 400 * 86_400_000
/** How often something happened in a row is remembered beyond the time to wait, so that the next wait is longer. */
const COUNTS_FOR_MS = 86_400_000

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

/** As `writeToken` bounds them. */
function isSpan(value: unknown): value is number {
  return isNumber(value) && Math.abs(value) <= LONGEST_SPAN_MS
}

/** A sentence that may be shown and logged: whoever shares the store may have written it. */
function isSentence(value: unknown): value is string {
  return isText(value) && /^[\x20-\x7e]{0,1000}$/.test(value)
}

/** Further members, of a later release, go along untouched. */
function isHeld(value: unknown): value is Omit<HeldToken, 'freshness' | 'refreshEndsAt'> {
  if (!isObject(value)) return false
  const { accessToken, tokenType, scope, expiresAt, lifetimeMs, refreshToken } = value
  if (!isText(accessToken) || !isShowable(accessToken) || !isText(tokenType) || !isShowable(tokenType)) return false
  if (!isNumber(expiresAt) || Math.abs(expiresAt) > LAST_MOMENT || !isSpan(lifetimeMs)) return false
  return (scope === undefined || (Array.isArray(scope) && scope.every(isText))) && (refreshToken === undefined || isText(refreshToken))
}

function isFailure(value: unknown): value is NonNullable<Remembered['failure']> {
  if (!isObject(value)) return false
  const { code, origin, status, description, count, retryAt } = value
  return [code, origin, description].every(isSentence) && [count, retryAt].every(isNumber) && (status === undefined || isNumber(status))
}

function isBudget(value: unknown): value is NonNullable<Remembered['budget']> {
  if (!isObject(value)) return false
  const { limit, remaining, startsAt, resetAt, toldAt } = value
  return [limit, remaining, resetAt, toldAt].every(isNumber) && (startsAt === undefined || isNumber(startsAt))
}

function isRejection(value: unknown): value is NonNullable<Remembered['rejection']> {
  return isObject(value) && isNumber(value['at']) && isNumber(value['waitMs'])
}
