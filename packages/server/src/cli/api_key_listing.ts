// API keys as `countersign api-key list` shows them: with their last use, and what follows from it.
import type { ApiKey } from '../model/api_key.ts'
import type { ApiKeyUse } from '../model/api_key_use.ts'
import { secretVerdict } from '../model/secret_verdict.ts'
import { isoTime, jsonText, table } from './listing.ts'

/** @param shown some or all of `keys`, which are all of one client @param now epoch seconds */
export function keysAsJson(shown: readonly ApiKey[], keys: readonly ApiKey[], uses: readonly ApiKeyUse[], now: number): string {
  return `${jsonText(listed(shown, keys, uses, now), 2)}\n`
}

/** The same as a table. */
export function keysAsTable(shown: readonly ApiKey[], keys: readonly ApiKey[], uses: readonly ApiKeyUse[], now: number): string {
  const rows = listed(shown, keys, uses, now).map((one) => [
    one.id,
    one.name,
    one.origin,
    one.made_at ?? '-',
    one.ends_at ?? 'never',
    one.last_used_at ?? 'never',
    `${one.uses}`,
    one.address ?? '-',
    one.addresses.join(',') || 'anywhere',
    one.verdict,
  ])
  return table(['KEY', 'NAME', 'MADE BY', 'MADE', 'ENDS', 'LAST USED', 'USES', 'FROM', 'ALLOWED FROM', 'VERDICT'], rows)
}

function listed(shown: readonly ApiKey[], keys: readonly ApiKey[], uses: readonly ApiKeyUse[], now: number) {
  const useOf = new Map(uses.map((use) => [use.apiKeyId, use]))
  const time = (seconds: number | null | undefined): string | null => (seconds ? isoTime(seconds) : null)
  return shown.map((key) => {
    const use = useOf.get(key.id)
    return {
      realm: key.realmId,
      client: key.clientId,
      id: key.id,
      name: key.displayName,
      origin: key.origin,
      made_at: time(key.createdAt),
      ends_at: time(key.expiresAt),
      last_used_at: time(use?.lastUsedAt),
      uses: use?.count ?? 0,
      address: use?.address ?? null,
      addresses: key.addresses,
      verdict: verdict(key, keys, useOf, now),
    }
  })
}

/** A client may have several keys for several things: only one that was made later can have taken this one's place. */
function verdict(key: ApiKey, keys: readonly ApiKey[], uses: ReadonlyMap<string, ApiKeyUse>, now: number): string {
  const later = keys.filter((other) => other.createdAt >= key.createdAt)
  return secretVerdict(key, later, uses, now).replace('no other was', 'no newer one was')
}
