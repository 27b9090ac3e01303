// The guard's last step at an API: may this client have one more request now? Rates and concurrency in memory first, then the volumes and
// the count in the ledger, durable before it is admitted. Owns the order; the arithmetic is request_limits.ts, the words client_usage.ts.
import type { AdmissionAnswer, AdmissionRequest, Admissions } from '@countersign/guard/ports'
import type { ApiKeyUses } from '../issue/api_key_uses.ts'
import type { RealmContext } from '../issue/context.ts'
import type { Names } from '../issue/directory.ts'
import { requestPlanOf } from '../issue/request_volumes.ts'
import type { Api } from '../model/api.ts'
import type { Client } from '../model/client.ts'
import type { Ledger } from '../model/ledger.ts'
import type { Admission, AdmissionOutcome, Metering } from '../model/metering.ts'
import type { RequestPlan } from '../model/plan.ts'
import type { Realm } from '../model/realm.ts'
import { StoreUnavailable } from '../model/store.ts'
import type { ClientUsage } from './client_usage.ts'
import {
  bringUpToDate,
  chargesOf,
  concurrencyExceeded,
  createClientUsage,
  keyOf,
  rateExceeded,
  rateLimitFields,
  volumeExceeded,
} from './client_usage.ts'
import type { Knowledge } from './judge_anew.ts'
import { judgeAnew } from './judge_anew.ts'
import type { Observations } from './observations.ts'
import type { Accounts, Closed, Entry } from './request_limits.ts'
import { createAccounts, enter, leave, look, undo } from './request_limits.ts'
import { tellOver, tellShares } from './usage_notices.ts'

/** What the APIs of one realm have in common: a plan holds for all of them together. */
export interface RealmUsage {
  readonly clients: Accounts<ClientUsage>
  /** Whether the ledger could not be reached when it was last asked, and the operator was told that requests pass uncounted. */
  uncounted: boolean
  /** Epoch milliseconds: before, a request that may pass uncounted does not wait for a ledger that did not answer. */
  askAgainMs: number
}

export interface AdmissionOptions {
  readonly context: Pick<RealmContext, 'notice'> & {
    readonly realm: Pick<Realm, 'id' | 'plan'>
    readonly directory: Pick<Names, 'client'>
    readonly store: { readonly metering: Pick<Metering, 'admit'> }
    readonly ledger: Pick<Ledger, 'used'>
  } & Knowledge
  readonly api: Pick<Api, 'id'>
  readonly usage: RealmUsage
  readonly observations: Pick<Observations, 'note'>
  readonly keyUses: Pick<ApiKeyUses, 'note'>
  /** Epoch milliseconds. */
  readonly nowMs: () => number
  /** Nodes that live, each of which lets through its share of rates and concurrency. Default: this one alone. */
  readonly nodes?: () => number
}

/** Clients of a realm whose rates are remembered: they are the operator's own, so no stranger invents them. */
const CLIENTS = 50_000

export function createRealmUsage(realmId: string, capacity = CLIENTS): RealmUsage {
  return { clients: createAccounts(capacity, (clientId) => createClientUsage(`${realmId}/${clientId}`)), uncounted: false, askAgainMs: 0 }
}

/** The port of an API's guard. Rejects with what the ledger rejects with, unless the plan says that requests pass then. */
export function createAdmissions(options: AdmissionOptions): Admissions {
  const { directory, realm } = options.context
  return {
    admit(request) {
      const { clientId } = request.principal
      if (clientId === undefined) return NOBODY
      const client = directory.client(realm.id, clientId)
      return client instanceof Promise
        ? client.then((found) => decide(options, request, clientId, found))
        : decide(options, request, clientId, client)
    },
  }
}

const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze({})
const NOBODY: AdmissionAnswer = Object.freeze({ admitted: true, headers: NO_FIELDS, done: () => undefined })
const UNLIMITED: RequestPlan = { rates: [], volumes: [], concurrency: null, mode: 'enforce', withoutLedger: 'deny' }
/** Seconds: a place among the requests under way gets free at any moment, and nothing says when. */
const SOON = 1
/** So long a used-up volume is refused without asking the ledger again. */
const SPENT_MS = 1000
/** A ledger that could not be reached is asked again so often, by one request for all. */
const ASK_AGAIN_MS = 1000
/** Longer than any store waits for a lock. */
const LONGEST_ASKING_MS = 10_000

/** One request on its way through the steps. */
interface Case {
  readonly clientId: string
  readonly account: ClientUsage
  readonly plan: RequestPlan
  readonly cost: number
  readonly nowMs: number
  /** Epoch seconds. */
  readonly now: number
}

type Refused = Extract<AdmissionAnswer, { admitted: false }>

function decide(
  options: AdmissionOptions,
  request: AdmissionRequest,
  clientId: string,
  client: Client | undefined,
): Refused | Promise<AdmissionAnswer> {
  const nowMs = options.nowMs()
  const nodes = options.nodes?.() ?? 1
  const { context } = options
  const plan = requestPlanOf(context.realm.plan, client) ?? UNLIMITED
  const account = options.usage.clients.of(clientId, nowMs)
  bringUpToDate(account, plan, nowMs)
  const one: Case = { clientId, account, plan, cost: request.cost, nowMs, now: Math.floor(nowMs / 1000) }
  if (account.spent && nowMs < account.spent.untilMs && one.cost > 0)
    return refuseVolume(one, account.spent.index, look(account, nowMs, nodes))
  const { entry, closed } = enter(account, plan, one.cost, nowMs, nodes)
  if (closed && plan.mode === 'enforce') return refuse(options, one, closed, entry)
  if (closed) tellOver(context, account, clientId, closed, nowMs)
  return charge(options, request, one, entry)
}

async function charge(options: AdmissionOptions, request: AdmissionRequest, one: Case, entry: Entry): Promise<AdmissionAnswer> {
  const { usage, context } = options
  const { account, plan, nowMs, now } = one
  if (plan.withoutLedger === 'allow' && usage.uncounted) {
    if (nowMs < usage.askAgainMs) return passUncounted(options, one, entry)
    // This one asks for all that come while it waits.
    usage.askAgainMs = nowMs + LONGEST_ASKING_MS
  }
  const admission = admissionOf(options, request, one)
  let outcome: AdmissionOutcome
  try {
    const judgedAnew = plan.withoutLedger === 'deny' ? judgeAnew(context, request.principal) : undefined
    if (judgedAnew) await judgedAnew
    outcome = await context.store.metering.admit(admission)
  } catch (error) {
    if (plan.withoutLedger === 'allow' && error instanceof StoreUnavailable) {
      usage.askAgainMs = options.nowMs() + ASK_AGAIN_MS
      return passUncounted(options, one, entry)
    }
    undo(entry, options.nowMs())
    throw error
  }
  usage.uncounted = false
  if (admission.charges.length > 0) account.used = outcome.used
  if (outcome.admitted) {
    if (admission.charges.length > 0) tellShares(context, account, one.clientId, one.cost, outcome.used)
    const used = admission.charges.length > 0 ? outcome.used : await usedOf(options, account)
    return admitted(options, request, admission, entry, rateLimitFields(account, entry, used, now))
  }
  const { refusedBy, used } = outcome
  const limit = account.volumes[refusedBy]?.quota.limit ?? 0
  // The smallest request would be refused as well.
  if ((used[refusedBy] ?? 0) >= limit) account.spent = { index: refusedBy, untilMs: nowMs + SPENT_MS }
  return refuseVolume(one, refusedBy, undo(entry, options.nowMs()))
}

function admissionOf({ context, api }: AdmissionOptions, { principal, route, unseen = false }: AdmissionRequest, one: Case): Admission {
  const { clientId, account, cost, now } = one
  const key = keyOf(account, context.realm.id, clientId, principal.apiKeyId ?? '', api.id, route)
  return { key, now, units: cost, charges: chargesOf(account, cost, now), unseen }
}

function admitted(
  { observations, keyUses }: AdmissionOptions,
  { address = '' }: AdmissionRequest,
  { key, now, unseen }: Admission,
  entry: Entry,
  headers: Readonly<Record<string, string>>,
): AdmissionAnswer {
  if (key.apiKeyId !== '') keyUses.note(key, address, now)
  let ended = false
  return {
    admitted: true,
    headers,
    done({ status, bytesIn, bytesOut, milliseconds }) {
      if (ended) return
      ended = true
      leave(entry)
      if (!unseen) observations.note({ key, at: now, status, bytesIn, bytesOut, milliseconds })
    },
  }
}

/** The plan says that a ledger which cannot be reached is no reason to turn anybody away. */
function passUncounted({ usage, context }: AdmissionOptions, { account, now }: Case, entry: Entry): AdmissionAnswer {
  if (!usage.uncounted) context.notice(`The ledger cannot be reached: requests to the APIs of realm ${context.realm.id} pass uncounted.`)
  usage.uncounted = true
  let ended = false
  const done = (): void => {
    if (!ended) leave(entry)
    ended = true
  }
  return { admitted: true, headers: rateLimitFields(account, entry, account.used, now), done }
}

/** A rate, or too many at once. */
function refuse(options: AdmissionOptions, one: Case, closed: Closed, entry: Entry): Refused | Promise<Refused> {
  const { account, now } = one
  const refusal = (usedOfEach: readonly number[] | undefined): Refused => ({
    admitted: false,
    headers: rateLimitFields(account, entry, usedOfEach, now),
    ...(closed.by === 'concurrency'
      ? { code: 'concurrency_exceeded', detail: concurrencyExceeded(one.plan.concurrency ?? 0), retryAfter: SOON }
      : overRate(one, closed)),
  })
  const used = usedOf(options, account)
  return used instanceof Promise ? used.then(refusal) : refusal(used)
}

function overRate({ cost }: Case, { rate, waitMs }: Extract<Closed, { by: 'rate' }>) {
  // Infinite where it costs more than all that may come at once.
  const retryAfter = Math.max(1, Math.ceil(waitMs / 1000))
  return { code: 'rate_exceeded', detail: rateExceeded(rate, cost, retryAfter), retryAfter } as const
}

function refuseVolume({ account, cost, now }: Case, index: number, entry: Entry): Refused {
  const volume = account.volumes[index]
  if (!volume) throw new Error('the ledger refused by a volume that was not asked for')
  const headers = rateLimitFields(account, entry, account.used, now)
  const detail = volumeExceeded(volume, account.used?.[index] ?? 0, cost)
  const retryAfter = cost > volume.quota.limit ? Number.POSITIVE_INFINITY : Math.max(1, volume.span.end - now)
  return { admitted: false, code: 'volume_exceeded', detail, headers, retryAfter }
}

/** What was used of each volume as this process last heard; asked once where it has not heard yet. Never rejects. */
function usedOf(
  { context }: AdmissionOptions,
  account: ClientUsage,
): readonly number[] | undefined | Promise<readonly number[] | undefined> {
  const { used, volumes } = account
  if (used !== undefined || volumes.length === 0) return used
  return Promise.all(volumes.map(({ meter, span }) => context.ledger.used(meter, span.start))).then(
    (found) => {
      // In the meantime the windows may be others, or a charge may have told more.
      if (account.volumes === volumes) account.used ??= found
      return found
    },
    () => undefined,
  )
}
