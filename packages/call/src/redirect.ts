// Where a redirect leads and what goes with it: the Fetch standard's "HTTP-redirect fetch", without the network. Pure.
import { RedirectRefused } from './errors.ts'
import { isLoopback } from './origin.ts'

/** One request on its way. */
export interface Hop {
  readonly url: URL
  readonly method: string
  /** The caller's own, without credentials of ours. */
  readonly headers: Headers
  /** False if the body was a stream: it can go over the wire once. */
  readonly replayable: boolean
  readonly hasBody: boolean
}

const MAX_REDIRECTS = 5

/** Fields that a caller meant for one origin only. */
const FOREIGN = ['authorization', 'proxy-authorization', 'cookie', 'cookie2', 'host', 'x-api-key', 'access_token']
const BODY_FIELDS = ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-location']

export interface Following {
  /** Header fields that carry credentials in this dialect: they never leave their origin. */
  readonly carriers: readonly string[]
  /** Which redirect in a row this would be, from 1. */
  readonly followed: number
  /** The call wants none. */
  readonly forbidden: boolean
}

/** The next request; undefined if the answer is no redirect, and then it was not touched. @throws RedirectRefused */
export async function follow(response: Response, hop: Hop, { carriers, followed, forbidden }: Following): Promise<Hop | undefined> {
  const target = redirectTarget(response, hop.url)
  if (!target) return undefined
  await response.body?.cancel()
  if (forbidden) throw new RedirectRefused('forbidden', hop.url.origin)
  if (followed > MAX_REDIRECTS) throw new RedirectRefused('too_many', hop.url.origin)
  return nextHop(hop, response.status, target, carriers)
}

/** The target of a redirect; undefined if the answer is none. */
function redirectTarget(response: Response, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(response.status)) return undefined
  const location = response.headers.get('location')
  if (location === null) return undefined
  if (!URL.canParse(location, from)) throw new RedirectRefused('not_http', from.origin)
  return new URL(location, from)
}

function nextHop(hop: Hop, status: number, url: URL, carriers: readonly string[]): Hop {
  const origin = hop.url.origin
  const http = url.protocol === 'http:' || url.protocol === 'https:'
  if (!http || url.username !== '' || url.password !== '') throw new RedirectRefused('not_http', origin)
  if (hop.url.protocol === 'https:' && url.protocol === 'http:' && !(isLoopback(url) && isLoopback(hop.url))) {
    throw new RedirectRefused('insecure', origin)
  }
  const toGet = status === 303 ? hop.method !== 'GET' && hop.method !== 'HEAD' : status <= 302 && hop.method === 'POST'
  if (!toGet && hop.hasBody && !hop.replayable) throw new RedirectRefused('not_replayable', origin)
  const headers = new Headers(hop.headers)
  if (toGet) for (const name of BODY_FIELDS) headers.delete(name)
  if (url.origin !== origin) for (const name of [...FOREIGN, ...carriers]) headers.delete(name)
  return { url, method: toGet ? 'GET' : hop.method, headers, replayable: toGet || hop.replayable, hasBody: !toGet && hop.hasBody }
}
