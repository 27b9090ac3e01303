// axios (1.12 or later): its fetch adapter with our fetch, so that redirects and second tries are the client's and no header of ours
// is in reach of another redirect follower.
import type { Client } from '../client.ts'
import { replayableFetch } from '../replayable_fetch.ts'

export interface AxiosOptions {
  readonly adapter: 'fetch'
  readonly env: { readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response> }
}

/** `axios.create({ baseURL, ...axiosOptions(client) })` */
export function axiosOptions(client: Pick<Client, 'fetch'>): AxiosOptions {
  return { adapter: 'fetch', env: { fetch: replayableFetch(client) } }
}
