// ky: its `fetch` option.
import type { Client } from '../client.ts'
import { replayableFetch } from '../replayable_fetch.ts'

export interface KyOptions {
  readonly fetch: typeof globalThis.fetch
}

/** `ky.create({ prefix, ...kyOptions(client) })` */
export function kyOptions(client: Pick<Client, 'fetch'>): KyOptions {
  return { fetch: replayableFetch(client) }
}
