// What the operator is told of a client's requests: shares of its volumes that are used, and limits that it exceeds and may.
import type { RealmContext } from '../issue/context.ts'
import type { Realm } from '../model/realm.ts'
import type { ClientUsage } from './client_usage.ts'
import type { Closed } from './request_limits.ts'

type Told = Pick<RealmContext, 'notice'> & { readonly realm: Pick<Realm, 'id'> }

/** One client's being over a limit that lets it pass is told at most so often. */
const TOLD_AGAIN_MS = 60_000

/** Mode `warn`: who is over a limit and comes in all the same. */
export function tellOver({ notice, realm }: Told, account: ClientUsage, clientId: string, { by }: Closed, nowMs: number): void {
  if (nowMs < account.toldAgainMs) return
  account.toldAgainMs = nowMs + TOLD_AGAIN_MS
  const what = by === 'rate' ? 'request rate' : 'number of requests at once'
  notice(`Client ${clientId} of realm ${realm.id} is over its ${what}; its plan lets it pass.`)
}

/** Each share once in a window: the ledger says of every charge which units it was. @param used with `cost` units more than before */
export function tellShares(
  { notice, realm }: Told,
  { volumes }: ClientUsage,
  clientId: string,
  cost: number,
  used: readonly number[],
): void {
  for (let index = 0; index < volumes.length; index++) {
    const quota = volumes[index]?.quota
    if (!quota || quota.warnAt.length === 0) continue
    const after = used[index] ?? 0
    for (const share of quota.warnAt) {
      const threshold = Math.ceil((quota.limit * share) / 100)
      if (after < threshold || after - cost >= threshold) continue
      notice(`Client ${clientId} of realm ${realm.id} has used ${share} % of its ${quota.limit} requests of this ${quota.window.unit}.`)
    }
  }
}
