// A client's request volumes: which of its plan's calendar windows it is in, and under what name each is in the ledger and in the RateLimit
// fields. Owns the names; what counts there is the gateway's to say.
import type { Client } from '../model/client.ts'
import type { Meter, Span } from '../model/ledger.ts'
import type { Quota, RequestPlan } from '../model/plan.ts'
import { spanOf } from '../model/window.ts'

export interface RequestVolume {
  /** `requests-day`, `requests-month`; a second one of the same unit is `requests-day-2`. */
  readonly name: string
  readonly meter: Meter
  readonly quota: Quota
  readonly span: Span
}

/** What the client may send to guarded APIs; null: as much as it likes. A client that is unknown is held to its realm's. */
export function requestPlanOf(realmPlan: Client['plan'], client: Pick<Client, 'plan'> | undefined): RequestPlan | null {
  return (client?.plan ?? realmPlan)?.requests ?? null
}

/** @param account `realm/client` @param now epoch seconds */
export function requestVolumes(account: string, { volumes }: RequestPlan, now: number): readonly RequestVolume[] {
  const names = windowNames(volumes.map(({ window }) => window.unit))
  return volumes.map((quota, index) => {
    const name = names[index] ?? ''
    return { name, meter: { account, name }, quota, span: spanOf(quota.window, now) }
  })
}

/** `requests-` and each unit, told apart by a number where one comes twice: a meter that two volumes shared would count everything twice. */
export function windowNames(units: readonly string[]): readonly string[] {
  const seen = new Map<string, number>()
  return units.map((unit) => {
    const times = (seen.get(unit) ?? 0) + 1
    seen.set(unit, times)
    return times === 1 ? `requests-${unit}` : `requests-${unit}-${times}`
  })
}
