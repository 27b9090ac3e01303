// openapi-fetch: its `fetch` option.
import type { Client } from '../client.ts'
import { replayableFetch } from '../replayable_fetch.ts'

export interface OpenapiFetchOptions {
  readonly fetch: (request: Request) => Promise<Response>
}

/** `createClient<paths>({ baseUrl, ...openapiFetchOptions(client) })` */
export function openapiFetchOptions(client: Pick<Client, 'fetch'>): OpenapiFetchOptions {
  return { fetch: replayableFetch(client) }
}
