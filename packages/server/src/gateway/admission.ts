// The guard's last step at an API: may this client have one more request now? Rates and concurrency in memory first, then the volumes and
// the count in the ledger, durable before it is admitted. Owns the order; the arithmetic is request_limits.ts, the words client_usage.ts.
import type { AdmissionAnswer, AdmissionRequest, Admissions } from '@countersign/guard/ports'
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
import type { Behind, Case } from './admission_answer.ts'
import { admitted, refuse, refuseVolume, usedOf } from './admission_answer.ts'
import type { ClientUsage } from './client_usage.ts'
import { bringUpToDate, chargesOf, createClientUsage, keyOf, rateLimitFields } from './client_usage.ts'
import type { Knowledge } from './judge_anew.ts'
import { judgeAnew } from './judge_anew.ts'
import type { Accounts, Entry } from './request_limits.ts'
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

export interface AdmissionOptions extends Behind {
  readonly context: Pick<RealmContext, 'notice'> & {
    readonly realm: Pick<Realm, 'id' | 'plan'>
    readonly directory: Pick<Names, 'client'>
    readonly store: { readonly metering: Pick<Metering, 'admit'> }
    readonly ledger: Pick<Ledger, 'used'>
  } & Knowledge
  readonly api: Pick<Api, 'id'>
  readonly usage: RealmUsage
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
/** So long a used-up volume is refused without asking the ledger again. */
const SPENT_MS = 1000
/** A ledger that could not be reached is asked again so often, by one request for all. */
const ASK_AGAIN_MS = 1000
/** Longer than any store waits for a lock. */
const LONGEST_ASKING_MS = 10_000

function decide(
  options: AdmissionOptions,
  request: AdmissionRequest,
  clientId: string,
  client: Client | undefined,
): AdmissionAnswer | Promise<AdmissionAnswer> {
  const nowMs = options.nowMs()
  const nodes = options.nodes?.() ?? 1
  const { context } = options
  const plan = requestPlanOf(context.realm.plan, client) ?? UNLIMITED
  const account = options.usage.clients.of(clientId, nowMs)
  bringUpToDate(account, plan, nowMs)
  const one: Case = { clientId, account, plan, cost: request.cost, nowMs, now: Math.floor(nowMs / 1000) }
  if (account.spent && nowMs < account.spent.untilMs && one.cost > 0)
    return refuseVolume(one, account.spent.index, look(account, nowMs, nodes))
  const entry = enter(account, plan, one.cost, nowMs, nodes)
  const { closed } = entry
  if (closed && plan.mode === 'enforce') return refuse(context.ledger, one, closed, entry)
  if (closed) tellOver(context, account, clientId, closed, nowMs)
  return charge(options, request, one, entry)
}

// Without `async`: what such a function keeps while it waits is a good part of what a request costs.
function charge(options: AdmissionOptions, request: AdmissionRequest, one: Case, entry: Entry): AdmissionAnswer | Promise<AdmissionAnswer> {
  const { usage } = options
  const { plan, nowMs } = one
  if (plan.withoutLedger === 'allow' && usage.uncounted) {
    if (nowMs < usage.askAgainMs) return passUncounted(options, one, entry)
    // This one asks for all that come while it waits.
    usage.askAgainMs = nowMs + LONGEST_ASKING_MS
  }
  const admission = admissionOf(options, request, one)
  const failed = (error: unknown): AdmissionAnswer => uncharged(options, one, entry, error)
  try {
    return askLedger(options.context, request, plan, admission).then(
      (outcome) => settle(options, request, one, entry, admission, outcome),
      failed,
    )
  } catch (error) {
    return failed(error)
  }
}

function askLedger(
  context: AdmissionOptions['context'],
  { principal }: AdmissionRequest,
  { withoutLedger }: RequestPlan,
  admission: Admission,
): Promise<AdmissionOutcome> {
  const judgedAnew = withoutLedger === 'deny' ? judgeAnew(context, principal) : undefined
  return judgedAnew ? judgedAnew.then(() => context.store.metering.admit(admission)) : context.store.metering.admit(admission)
}

function uncharged(options: AdmissionOptions, one: Case, entry: Entry, error: unknown): AdmissionAnswer {
  if (one.plan.withoutLedger === 'allow' && error instanceof StoreUnavailable) {
    options.usage.askAgainMs = options.nowMs() + ASK_AGAIN_MS
    return passUncounted(options, one, entry)
  }
  undo(entry, options.nowMs())
  throw error
}

function settle(
  options: AdmissionOptions,
  request: AdmissionRequest,
  one: Case,
  entry: Entry,
  admission: Admission,
  outcome: AdmissionOutcome,
): AdmissionAnswer | Promise<AdmissionAnswer> {
  const { account } = one
  const isCharged = admission.charges.length > 0
  options.usage.uncounted = false
  if (isCharged) account.used = outcome.used
  if (outcome.admitted) {
    if (isCharged) tellShares(options.context, account, one.clientId, one.cost, outcome.used)
    const used = isCharged ? outcome.used : usedOf(options.context.ledger, account)
    if (used instanceof Promise) return used.then((found) => admitted(options, request, one, entry, admission, found))
    return admitted(options, request, one, entry, admission, used)
  }
  const { refusedBy, used } = outcome
  const limit = account.volumes[refusedBy]?.quota.limit ?? 0
  // The smallest request would be refused as well.
  if ((used[refusedBy] ?? 0) >= limit) account.spent = { index: refusedBy, untilMs: one.nowMs + SPENT_MS }
  return refuseVolume(one, refusedBy, undo(entry, options.nowMs()))
}

function admissionOf({ context, api }: AdmissionOptions, { principal, route, unseen = false }: AdmissionRequest, one: Case): Admission {
  const { clientId, account, cost, now } = one
  const key = keyOf(account, context.realm.id, clientId, principal.apiKeyId ?? '', api.id, route)
  return { key, now, units: cost, charges: chargesOf(account, cost, now), unseen }
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
