// API keys asked of a Countersign elsewhere, by hash, and kept until something there was changed. Owns no key.
import { writeForm } from '@countersign/protocol/oauth/parameters'
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import type { ApiKeyRecord, ApiKeys } from './ports.ts'
import type { Exchanger } from './remote_exchange.ts'
import { exchange, RemoteGuardError } from './remote_exchange.ts'

export interface RemoteApiKeysOptions extends Exchanger {
  readonly url: string
  /** Value of the `Authorization` field. */
  readonly authorization: string
  /** Beyond it the older half goes. */
  readonly maxKeys: number
}

export interface RemoteApiKeys extends ApiKeys {
  /** Everything is asked for anew. */
  forget(): void
}

export function createRemoteApiKeys(options: RemoteApiKeysOptions): RemoteApiKeys {
  const known = new Map<string, ApiKeyRecord>()
  const flights = new Map<string, Promise<ApiKeyRecord | undefined>>()
  let age = 0

  const ask = async (hash: string): Promise<ApiKeyRecord | undefined> => {
    const before = age
    const record = await askFor(options, hash)
    // What was read before a change must not outlive it. Unknown keys are not kept: anybody can invent them.
    if (record !== undefined && before === age) keep(known, hash, record, options.maxKeys)
    return record
  }

  return {
    find(hash) {
      const record = known.get(hash)
      if (record !== undefined) return record
      const under = flights.get(hash)
      if (under !== undefined) return under
      const flight = ask(hash).finally(() => {
        if (flights.get(hash) === flight) flights.delete(hash)
      })
      flights.set(hash, flight)
      return flight
    },
    forget() {
      age++
      known.clear()
      flights.clear()
    },
  }
}

async function askFor(options: RemoteApiKeysOptions, hash: string): Promise<ApiKeyRecord | undefined> {
  const { url, authorization } = options
  const headers = { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  const { status, answer } = await exchange(
    options,
    url,
    { method: 'POST', headers, body: writeForm(new Map([['hash', hash]])) },
    [200, 404],
  )
  if (status === 200) return readRecord(answer, url)
  // A 404 of something else that answers there says nothing of the key.
  if (answer['found'] === false) return undefined
  throw new RemoteGuardError(`${url} is not where API keys are asked for`)
}

function readRecord({ id, client_id: clientId, expires_at: expiresAt, addresses }: JsonObject, url: string): ApiKeyRecord {
  const sound =
    typeof id === 'string' && typeof clientId === 'string' && (expiresAt === null || typeof expiresAt === 'number') && isTexts(addresses)
  if (!sound) throw new RemoteGuardError(`${url} answers with what is no API key`)
  return Object.freeze({ id, clientId, expiresAt, addresses: Object.freeze([...addresses]) })
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function keep(known: Map<string, ApiKeyRecord>, hash: string, record: ApiKeyRecord, maxKeys: number): void {
  if (known.size >= maxKeys) {
    let surplus = Math.ceil(maxKeys / 2)
    for (const oldest of known.keys()) {
      if (surplus-- <= 0) break
      known.delete(oldest)
    }
  }
  known.set(hash, record)
}
