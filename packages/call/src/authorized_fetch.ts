// `fetch` that shows the credentials, where they belong and nowhere else. RFC 6750 sections 2.1, 3.1; RFC 9700 section 4.9.
// Redirects are followed here, since fetch itself takes only `authorization` away from another origin, not `x-api-key`.

import { OriginNotAllowed } from './errors.ts'
import type { Presentation, ShownToken } from './extensions.ts'
import type { Hop } from './redirect.ts'

export interface AuthorizedFetchOptions {
  readonly fetch: typeof globalThis.fetch
  readonly allowed: ReadonlySet<string>
  readonly token: () => Promise<ShownToken>
  readonly presentation: Presentation
  /** See TokenSource.reject. */
  readonly reject: (accessToken: string) => Promise<boolean>
  /** Fields this client fills in; a caller's own copies are dropped. */
  readonly owned: readonly string[]
  /** Every field that carries credentials in this dialect. */
  readonly carriers: readonly string[]
}

type Fields = Readonly<Record<string, string>>
type Input = Parameters<typeof globalThis.fetch>[0]
type RequestHeaders = Headers | Record<string, string>

/**
 * The same signature as `fetch`. The first URL must be of an allowed origin; a redirect may lead elsewhere, and gets no credentials there.
 * @throws OriginNotAllowed, RedirectRefused, TokenRequestFailed, DiscoveryFailed, and whatever fetch throws.
 */
export function createAuthorizedFetch(options: AuthorizedFetchOptions): (input: Input, init?: RequestInit) => Promise<Response> {
  const { fetch, allowed, token, presentation, reject, owned, carriers } = options

  const send = async ({ input, init, first, signal, strayed }: Call, hop: Hop): Promise<Attempt> => {
    const [place, rest] = hop === first ? [input, init] : [hop.url.href, initOf(init, signal, hop)]
    if (strayed || !allowed.has(hop.url.origin)) {
      return { response: await fetch(place, { ...rest, headers: hop.headers, redirect: 'manual' }), shown: undefined }
    }
    // No token is asked for on behalf of a caller who has gone.
    signal?.throwIfAborted()
    const shown = await untilAborted(token(), signal)
    const headers = withFields(hop.headers, owned, await presentation.write(shown, hop.method, hop.url))
    return { response: await fetch(place, { ...rest, headers, redirect: 'manual' }), shown }
  }

  /** The answer to one hop, after a second try where the token was refused. */
  const answer = async (call: Call, hop: Hop): Promise<Response> => {
    const { response, shown } = await send(call, hop)
    if (shown === undefined) return response
    if (presentation.refused?.(shown, hop.method, hop.url, response) && hop.replayable && !call.proven) {
      call.proven = true
      await response.body?.cancel()
      return answer(call, hop)
    }
    if (call.retried || !refusesToken(response)) return response
    // Even where this call cannot be repeated, the next one shall have a new token.
    const another = await reject(shown.accessToken)
    if (!another || !hop.replayable) return response
    call.retried = true
    await response.body?.cancel()
    return (await send(call, hop)).response
  }

  return async (input, init = {}) => {
    const call = readCall(input, init)
    let hop = call.first
    if (!allowed.has(hop.url.origin)) throw new OriginNotAllowed(hop.url.origin)
    let response = await answer(call, hop)
    for (let followed = 1; call.redirect !== 'manual' && mayRedirect(response); followed++) {
      // Most programs never meet one.
      const { follow } = await import('./redirect.ts')
      const next = await follow(response, hop, { carriers, followed, forbidden: call.redirect === 'error' })
      if (!next) return response
      hop = next
      // For good, as in the Fetch standard: else a stranger could send our credentials to an address of his choice at the API.
      if (!allowed.has(hop.url.origin)) call.strayed = true
      response = await answer(call, hop)
    }
    return response
  }
}

function mayRedirect({ status }: Response): boolean {
  return status >= 300 && status < 400
}

/** One call of the caller's, whatever it becomes on the way. */
interface Call {
  readonly input: Input
  readonly init: RequestInit
  readonly first: Hop
  readonly redirect: 'follow' | 'manual' | 'error'
  readonly signal: AbortSignal | undefined
  retried: boolean
  /** Sent again with the server's nonce in the proof. */
  proven: boolean
  /** It was led off the allowed origins. */
  strayed: boolean
}

interface Attempt {
  readonly response: Response
  /** The token that was shown, if any. */
  readonly shown: ShownToken | undefined
}

/** The caller's URL, parsed. @throws TypeError as fetch does, but without the URL in it. */
export function readTarget(input: string | URL): URL {
  const text = String(input)
  const url = parse(text)
  if (url?.username !== '' || url.password !== '') throw new TypeError('The URL must be absolute and without a user or password.')
  return url
}

/** Shared, and never changed: most calls bring none, and making one costs a microsecond. */
const NO_HEADERS = new Headers()

function withFields(base: Headers, dropped: readonly string[], fields: Fields): RequestHeaders {
  if (base === NO_HEADERS) return { ...fields }
  const headers = new Headers(base)
  for (const name of dropped) headers.delete(name)
  for (const [name, value] of Object.entries(fields)) headers.set(name, value)
  return headers
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function readCall(input: Input, init: RequestInit): Call {
  const request = isRequest(input) ? input : undefined
  const body = init.body ?? request?.body
  const given = init.headers ?? request?.headers
  const first: Hop = {
    url: readTarget(isRequest(input) ? input.url : input),
    method: (init.method ?? request?.method ?? 'GET').toUpperCase(),
    headers: given === undefined ? NO_HEADERS : new Headers(given),
    hasBody: body !== undefined && body !== null,
    replayable: isReplayable(body),
  }
  const redirect = init.redirect ?? request?.redirect ?? 'follow'
  return { input, init, first, redirect, signal: init.signal ?? request?.signal, retried: false, proven: false, strayed: false }
}

/** By its members: a Request of another realm or library is one too. */
function isRequest(input: Input): input is Request {
  return typeof input === 'object' && 'url' in input && 'method' in input
}

function isReplayable(body: unknown): boolean {
  if (body === undefined || body === null || typeof body === 'string') return true
  return [URLSearchParams, ArrayBuffer, Blob, FormData].some((kind) => body instanceof kind) || ArrayBuffer.isView(body)
}

/** After a redirect: the body only where the hop still has one. */
function initOf({ body, ...rest }: RequestInit, signal: AbortSignal | undefined, hop: Hop): RequestInit {
  return {
    ...rest,
    method: hop.method,
    ...(hop.hasBody && body !== undefined && body !== null ? { body } : {}),
    ...(signal === undefined ? {} : { signal }),
  }
}

/** RFC 6750 section 3.1. Whoever answers 401 may say so at will: what it leads to is limited, so the field is not taken apart. */
const INVALID_TOKEN = /(?:^|[\s,])error\s*=\s*"?invalid_token(?![^",\s])/

function refusesToken({ status, headers }: Response): boolean {
  return status === 401 && INVALID_TOKEN.test(headers.get('www-authenticate') ?? '')
}

/** The caller goes; the token request it waited for stays, since others may wait for it too. */
async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal | null | undefined): Promise<Value> {
  if (!signal) return promise
  let stop: () => void = () => undefined
  const aborted = new Promise<never>((_, fail) => {
    stop = () => fail(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
