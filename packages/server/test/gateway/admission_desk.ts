// Admissions of one realm over a ledger in memory that can be told to fail, with a clock of their own.
import assert from 'node:assert/strict'
import type { AdmissionAnswer, Admissions } from '@countersign/guard/ports'
import type { Principal } from '@countersign/guard/verdict'
import type { RealmUsage } from '../../src/gateway/admission.ts'
import { createAdmissions, createRealmUsage } from '../../src/gateway/admission.ts'
import type { Charge, Ledger } from '../../src/model/ledger.ts'
import type { Admission, Metering, Observation } from '../../src/model/metering.ts'
import type { Quota, RequestPlan } from '../../src/model/plan.ts'
import { StoreUnavailable } from '../../src/model/store.ts'
import { client } from '../store/samples.ts'

/** 2026-11-21T12:00:00Z */
export const NOON = 1_795_262_400

export type Admitted = Extract<AdmissionAnswer, { admitted: true }>
export type Refused = Extract<AdmissionAnswer, { admitted: false }>

export const plan = (changes: Partial<RequestPlan>): RequestPlan => ({
  rates: [],
  volumes: [],
  concurrency: null,
  mode: 'enforce',
  withoutLedger: 'deny',
  ...changes,
})

export const volume = (limit: number, unit: 'day' | 'month', changes: Partial<Quota> = {}): Quota => ({
  limit,
  window: { unit, timeZone: 'UTC' },
  mode: 'enforce',
  warnAt: [],
  ...changes,
})

const SOMEBODY: Principal = {
  realm: 'shop',
  clientId: 'one',
  subject: 'one',
  scope: [],
  audience: [],
  claims: {},
  apiKeyId: undefined,
  tokenId: undefined,
  anonymous: false,
}

export interface Desk {
  readonly admissions: Admissions
  readonly usage: RealmUsage
  readonly notices: readonly string[]
  /** Admissions that were counted, and what was asked of the ledger in all. */
  readonly counted: readonly Admission[]
  asked: number
  readonly observed: readonly Observation[]
  readonly keyUses: readonly { readonly apiKeyId: string; readonly address: string; readonly now: number }[]
  /** Epoch milliseconds. */
  nowMs: number
  failure: Error | undefined
  plan: RequestPlan | null
  ask(changes?: {
    cost?: number
    route?: string
    clientId?: string
    apiKeyId?: string
    address?: string
    unseen?: boolean
  }): Promise<AdmissionAnswer>
  admitted(changes?: { cost?: number; clientId?: string; unseen?: boolean }): Promise<Admitted>
  refused(changes?: { cost?: number; clientId?: string }): Promise<Refused>
}

export function createDesk(requests: RequestPlan | null, capacity?: number): Desk {
  const windows = new Map<string, number>()
  const counted: Admission[] = []
  const observed: Observation[] = []
  const notices: string[] = []
  const keyUses: { apiKeyId: string; address: string; now: number }[] = []
  const nameOf = ({ meter, span }: Pick<Charge, 'meter' | 'span'>): string => `${meter.account} ${meter.name} ${span.start}`
  const metering: Pick<Metering, 'admit'> = {
    async admit(admission) {
      desk.asked += 1
      await Promise.resolve()
      if (desk.failure) throw desk.failure
      const used = admission.charges.map((charge) => windows.get(nameOf(charge)) ?? 0)
      const refusedBy = admission.charges.findIndex(({ limit, units }, index) => limit !== null && (used[index] ?? 0) + units > limit)
      if (refusedBy >= 0) return { admitted: false, refusedBy, used }
      counted.push(admission)
      for (const [index, charge] of admission.charges.entries()) windows.set(nameOf(charge), (used[index] ?? 0) + charge.units)
      return { admitted: true, used: admission.charges.map((charge) => windows.get(nameOf(charge)) ?? 0) }
    },
  }
  const ledger: Pick<Ledger, 'used'> = {
    used: async (meter, start) => windows.get(nameOf({ meter, span: { start, end: 0 } })) ?? 0,
  }
  const usage = createRealmUsage('shop', capacity)
  const admissions = createAdmissions({
    context: {
      realm: { id: 'shop', plan: null },
      directory: {
        client: (realmId, clientId) => client(realmId, clientId, { plan: desk.plan && { tokens: null, rate: null, requests: desk.plan } }),
      },
      store: { metering },
      ledger,
      notice: (sentence) => notices.push(sentence),
    },
    api: { id: 'orders' },
    usage,
    observations: { note: (one) => observed.push(one) },
    keyUses: { note: ({ apiKeyId }, address, now) => keyUses.push({ apiKeyId, address, now }) },
    nowMs: () => desk.nowMs,
  })
  const desk: Desk = {
    admissions,
    usage,
    notices,
    counted,
    asked: 0,
    observed,
    keyUses,
    nowMs: NOON * 1000,
    failure: undefined,
    plan: requests,
    ask: async ({ cost = 1, route = 'otherwise', clientId = 'one', apiKeyId, address, unseen } = {}) =>
      admissions.admit({ principal: { ...SOMEBODY, clientId, apiKeyId }, route, cost, address, unseen }),
    async admitted(changes) {
      const answer = await desk.ask(changes)
      assert.ok(answer.admitted, JSON.stringify(answer))
      return answer
    },
    async refused(changes) {
      const answer = await desk.ask(changes)
      assert.ok(!answer.admitted)
      return answer
    },
  }
  return desk
}

export const OK = { status: 200, bytesIn: 0, bytesOut: 2, milliseconds: 1 }
export const unavailable = (): StoreUnavailable => new StoreUnavailable('The database is locked.')
