// What a request is answered that asked for its admission, and what its caller is told of the plan with it. Decides nothing: admission.ts does.
import type { AdmissionAnswer, AdmissionRequest } from '@countersign/guard/ports'
import type { ApiKeyUses } from '../issue/api_key_uses.ts'
import type { Ledger } from '../model/ledger.ts'
import type { Admission } from '../model/metering.ts'
import type { RequestPlan } from '../model/plan.ts'
import type { ClientUsage } from './client_usage.ts'
import { concurrencyExceeded, rateExceeded, rateLimitFields, volumeExceeded } from './client_usage.ts'
import type { Observations } from './observations.ts'
import type { Closed, Entry } from './request_limits.ts'
import { leave } from './request_limits.ts'

/** One request on its way through the steps. */
export interface Case {
  readonly clientId: string
  readonly account: ClientUsage
  readonly plan: RequestPlan
  readonly cost: number
  readonly nowMs: number
  /** Epoch seconds. */
  readonly now: number
}

export type Refused = Extract<AdmissionAnswer, { admitted: false }>

/** Seconds: a place among the requests under way gets free at any moment, and nothing says when. */
const SOON = 1

/** What is written behind the answers. */
export interface Behind {
  readonly observations: Pick<Observations, 'note'>
  readonly keyUses: Pick<ApiKeyUses, 'note'>
}

export function admitted(
  { observations, keyUses }: Behind,
  { address = '' }: AdmissionRequest,
  { account }: Case,
  entry: Entry,
  { key, now, unseen }: Admission,
  used: readonly number[] | undefined,
): AdmissionAnswer {
  if (key.apiKeyId !== '') keyUses.note(key, address, now)
  const headers = rateLimitFields(account, entry, used, now)
  let ended = false
  return {
    admitted: true,
    headers,
    done({ status, bytesIn, bytesOut, milliseconds }) {
      if (ended) return
      ended = true
      leave(entry)
      if (unseen !== true) observations.note({ key, at: now, status, bytesIn, bytesOut, milliseconds })
    },
  }
}

/** A rate, or too many at once. */
export function refuse(ledger: Pick<Ledger, 'used'>, one: Case, closed: Closed, entry: Entry): Refused | Promise<Refused> {
  const { account, now } = one
  const refusal = (usedOfEach: readonly number[] | undefined): Refused => ({
    admitted: false,
    headers: rateLimitFields(account, entry, usedOfEach, now),
    ...(closed.by === 'concurrency'
      ? { code: 'concurrency_exceeded', detail: concurrencyExceeded(one.plan.concurrency ?? 0), retryAfter: SOON }
      : overRate(one, closed)),
  })
  const used = usedOf(ledger, account)
  return used instanceof Promise ? used.then(refusal) : refusal(used)
}

function overRate({ cost }: Case, { rate, waitMs }: Extract<Closed, { by: 'rate' }>) {
  // Infinite where it costs more than all that may come at once.
  const retryAfter = Math.max(1, Math.ceil(waitMs / 1000))
  return { code: 'rate_exceeded', detail: rateExceeded(rate, cost, retryAfter), retryAfter } as const
}

export function refuseVolume({ account, cost, now }: Case, index: number, entry: Entry): Refused {
  const volume = account.volumes[index]
  if (!volume) throw new Error('the ledger refused by a volume that was not asked for')
  const headers = rateLimitFields(account, entry, account.used, now)
  const detail = volumeExceeded(volume, account.used?.[index] ?? 0, cost)
  const retryAfter = cost > volume.quota.limit ? Number.POSITIVE_INFINITY : Math.max(1, volume.span.end - now)
  return { admitted: false, code: 'volume_exceeded', detail, headers, retryAfter }
}

/** What was used of each volume as this process last heard; asked once where it has not heard yet. Never rejects. */
export function usedOf(
  ledger: Pick<Ledger, 'used'>,
  account: ClientUsage,
): readonly number[] | undefined | Promise<readonly number[] | undefined> {
  const { used, volumes } = account
  if (used !== undefined || volumes.length === 0) return used
  return Promise.all(volumes.map(({ meter, span }) => ledger.used(meter, span.start))).then(
    (found) => {
      // In the meantime the windows may be others, or a charge may have told more.
      if (account.volumes === volumes) account.used ??= found
      return found
    },
    () => undefined,
  )
}
