// Refusals at the guards that leave an audit row: an API key and a token of two clients that come together are a sign of theft. Bounded, so
// that whoever repeats it does not fill the disk.
import type { Denial } from '@countersign/guard/options'
import type { Audit } from '../model/audit.ts'

export interface RefusalAuditOptions {
  readonly audit: Pick<Audit, 'append'>
  /** Epoch seconds. */
  readonly now: () => number
  /** Told of a row that could not be written. */
  readonly onFailure: (error: unknown) => void
}

export interface RefusedAt {
  readonly realmId: string
  readonly apiId: string
}

/** Codes that are a sign of more than a mistake. */
const TOLD: ReadonlySet<string> = new Set(['client_mismatch'])
/** Seconds between two rows of one client and code. */
const APART = 10
/** Clients whose last row is remembered. */
const MOST_REMEMBERED = 1000

export function createRefusalAudit({ audit, now, onFailure }: RefusalAuditOptions): (at: RefusedAt, denial: Denial) => void {
  const last = new Map<string, number>()
  return ({ realmId, apiId }, { code, clientId = '', apiKeyId = '', address = '' }) => {
    if (!TOLD.has(code)) return
    const at = now()
    const name = JSON.stringify([realmId, clientId, code])
    const before = last.get(name)
    if (before !== undefined && before <= at && at < before + APART) return
    last.delete(name)
    last.set(name, at)
    const [oldest] = last.keys()
    if (last.size > MOST_REMEMBERED && oldest !== undefined) last.delete(oldest)
    const detail = { code, api: apiId, api_key: apiKeyId }
    audit.append({ at, by: 'guard', realmId, event: 'guard.refused', clientId, address, detail }).catch(onFailure)
  }
}
