// What a write of configuration tells the audit trail: the names of what changed, never a value.
import { isDeepStrictEqual } from 'node:util'
import type { Act, AuditEntry, AuditEvent } from '../../model/audit.ts'

type Detail = AuditEntry['detail']

/** `{created: true}`, `{changed: [names of top-level members]}`, or undefined if both say the same. */
export const changeOf = (before: object | undefined, after: object): Detail | undefined => {
  if (before === undefined) return { created: true }
  const old = new Map<string, unknown>(Object.entries(before))
  const changed: string[] = []
  for (const [name, value] of Object.entries(after)) {
    if (!isDeepStrictEqual(old.get(name), value)) changed.push(name)
    old.delete(name)
  }
  for (const [name, value] of old) if (value !== undefined) changed.push(name)
  return changed.length === 0 ? undefined : { changed }
}

/** The row of one write. `clientId`: '' where no client is concerned. */
export const acted = (act: Act, realmId: string, clientId: string, event: AuditEvent, detail: Detail): AuditEntry => ({
  at: act.at,
  by: act.by,
  realmId,
  event,
  clientId,
  address: '',
  detail,
})
