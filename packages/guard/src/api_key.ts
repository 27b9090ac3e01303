// From an API key as presented to its live record. RFC knows no API keys: here one identifies and meters a client, and on its own
// opens nothing. Whether it belongs to the bearer's client is the guard's to ask.
import { createHash } from 'node:crypto'
import type { ApiKeyRecord, ApiKeys } from './ports.ts'

/** `sha256:<base64url>` of the UTF-8 key: the only form of it that leaves the guard. Keys are random, so no slow hash is needed. */
export function hashApiKey(key: string): string {
  return `sha256:${createHash('sha256').update(key, 'utf8').digest('base64url')}`
}

/**
 * The record of a key that lives; undefined for one that is unknown or expired. Rejects or throws as the port does.
 * @param now epoch seconds, asked after the port has answered
 */
export function findApiKey(keys: ApiKeys, key: string, now: () => number): ApiKeyRecord | undefined | Promise<ApiKeyRecord | undefined> {
  const found = keys.find(hashApiKey(key))
  return found instanceof Promise ? found.then((record) => living(record, now())) : living(found, now())
}

function living(record: ApiKeyRecord | undefined, now: number): ApiKeyRecord | undefined {
  if (record === undefined) return undefined
  return record.expiresAt === null || now < record.expiresAt ? record : undefined
}
