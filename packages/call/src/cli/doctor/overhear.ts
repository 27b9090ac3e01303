// A fetch that remembers the last answers which passed by, so that the doctor can say what a server really answered.
import { readBounded } from '../../provider_exchange.ts'
import { urlOf } from '../progress.ts'
import type { Overheard } from './finding.ts'

const MAX_BYTES = 64 * 1024
const MOST = 20

/** @returns the fetch, and the list that it fills. */
export function overhearing(fetch: typeof globalThis.fetch): { readonly fetch: typeof globalThis.fetch; readonly heard: Overheard[] } {
  const heard: Overheard[] = []
  return {
    heard,
    async fetch(input, init) {
      const response = await fetch(input, init)
      const text = (await readBounded(response.clone(), MAX_BYTES).catch(() => undefined)) ?? ''
      heard.push({ url: urlOf(input), status: response.status, headers: response.headers, text })
      if (heard.length > MOST) heard.shift()
      return response
    },
  }
}
