// An issuer's JWK Set fetched over HTTP and kept: RFC 7517 section 5, RFC 8725 section 3.10 (the URL is configured, never a token's).
// One fetch at a time, old keys rather than none, and no stranger's `kid` can cause more than one fetch in a cooldown.
import { parseStrictJson, StrictJsonError } from '../oauth/strict_json.ts'
import { JoseError } from './error.ts'
import type { Verifier } from './jws.ts'
import type { KeySet, KeySource } from './key_set.ts'
import { createKeySet } from './key_set.ts'

export interface RemoteKeySetOptions {
  /** The issuer's `jwks_uri`: https, or http on a loopback host. */
  readonly url: string
  /** True: plain http to any host, for networks that protect their traffic otherwise. */
  readonly allowHttp?: boolean
  readonly fetch: typeof globalThis.fetch
  /** Milliseconds; a clock that never goes back serves best. */
  readonly now: () => number
  /** Older keys still answer, while new ones are fetched behind them; default 10 minutes. */
  readonly maxAgeMs?: number
  /** Beyond this age an answer waits for the fetch, so that an idle guard does not trust last week's keys; default 1 hour. */
  readonly maxStaleMs?: number
  /** Between two fetches caused by an unknown `kid`, and after a failed fetch; default 30 s. */
  readonly cooldownMs?: number
  /** For the whole fetch; default 5 s. */
  readonly timeoutMs?: number
  /** Of the answer's body; default 256 KiB. */
  readonly maxBytes?: number
  /** Told of each failed fetch: while old keys answer, nobody else hears of it. */
  readonly onFailure?: (error: JoseError) => void
}

export interface RemoteKeySet extends KeySource {
  /** Fetches the keys if there are none yet. @throws JoseError `key_unavailable` */
  prefetch(): Promise<void>
}

/** @throws TypeError for a URL that is not acceptable */
export const createRemoteKeySet = (options: RemoteKeySetOptions): RemoteKeySet => {
  const { now, maxAgeMs = 600_000, maxStaleMs = 3_600_000, cooldownMs = 30_000, onFailure } = options
  const download = createDownload(options)
  let keys: KeySet | undefined
  let flight: Promise<void> | undefined
  let fetchedAt = 0
  let failure: JoseError | undefined
  let failures = 0
  let retryAt = 0
  let unknownAt = Number.NEGATIVE_INFINITY

  // Never rejects: what went wrong is in `failure`.
  const refresh = (): Promise<void> => {
    flight ??= download()
      .then(
        (fetched) => {
          keys = fetched
          fetchedAt = now()
          failure = undefined
          failures = 0
        },
        (error: unknown) => {
          failure = error instanceof JoseError ? error : unavailable('the fetch failed')
          failures++
          // With nothing to answer from, a soon second attempt: the issuer may just be starting.
          retryAt = now() + (keys === undefined ? Math.min(cooldownMs, FIRST_RETRY_MS * 2 ** (failures - 1)) : cooldownMs)
          onFailure?.(failure)
        },
      )
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  const throwIfEmpty = (): void => {
    if (keys === undefined && failure !== undefined) throw failure
  }

  const mayFetch = (): boolean => flight !== undefined || failure === undefined || now() >= retryAt

  const answer = (kid: string | undefined, alg: string): Verifier | undefined => {
    const found = keys?.find(kid, alg)
    // While the keys cannot be fetched nobody knows whether this one exists: that is no fault of the token.
    if (found === undefined && failure !== undefined) throw failure
    return found
  }

  const fetchThenAnswer = (kid: string | undefined, alg: string): Promise<Verifier | undefined> => refresh().then(() => answer(kid, alg))

  return {
    find: (kid, alg) => {
      const age = now() - fetchedAt
      if (keys === undefined || age >= maxStaleMs) return mayFetch() ? fetchThenAnswer(kid, alg) : answer(kid, alg)
      if (age >= maxAgeMs && mayFetch()) void refresh()
      const found = keys.find(kid, alg)
      if (found !== undefined) return found
      if (flight !== undefined) return fetchThenAnswer(kid, alg)
      if (!mayFetch() || now() - unknownAt < cooldownMs) return answer(kid, alg)
      unknownAt = now()
      return fetchThenAnswer(kid, alg)
    },
    prefetch: async () => {
      if (keys !== undefined) return
      await refresh()
      throwIfEmpty()
    },
  }
}

const FIRST_RETRY_MS = 1000
const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost|[^.]+\.localhost)$/

const unavailable = (reason: string): JoseError => new JoseError('key_unavailable', `The issuer's keys cannot be fetched: ${reason}.`)

const createDownload = ({ url, allowHttp, fetch, timeoutMs = 5000, maxBytes = 262_144 }: RemoteKeySetOptions): (() => Promise<KeySet>) => {
  const target = checkUrl(url, allowHttp === true)
  return async () => {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      // A redirect would let whoever answers choose another source of keys.
      const response = await fetch(target, {
        redirect: 'manual',
        signal,
        headers: { accept: 'application/jwk-set+json, application/json' },
      })
      if (response.status !== 200) {
        await response.body?.cancel()
        throw unavailable(`the answer has status ${response.status}`)
      }
      return readKeys(await readBody(response, maxBytes))
    } catch (error) {
      if (error instanceof JoseError) throw error
      throw unavailable(signal.aborted ? `no answer within ${timeoutMs} ms` : 'the connection failed')
    }
  }
}

const checkUrl = (text: string, allowHttp: boolean): string => {
  if (!URL.canParse(text)) throw new TypeError('the URL of a JWK Set must be absolute')
  const url = new URL(text)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && (allowHttp || LOOPBACK.test(url.hostname)))
  if (!secure || url.username !== '' || url.password !== '')
    throw new TypeError('the URL of a JWK Set must be https and carry no credentials')
  return url.href
}

const readBody = async (response: Response, maxBytes: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let length = 0
  const body: ReadableStream<Uint8Array> | null = response.body
  if (body === null) return new Uint8Array()
  // Leaving the loop cancels the body.
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > maxBytes) throw unavailable(`the answer is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const readKeys = (body: Uint8Array): KeySet => {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    const set = createKeySet(parseStrictJson(text, { maxDepth: 8, maxMembers: 5000 }))
    // No keys at all is the issuer's word; keys of which none can be used is a mistake somewhere, and no reason to forget the old ones.
    if (set.keys.length === 0 && set.skipped.length > 0) throw unavailable('the answer has no usable key')
    return set
  } catch (error) {
    if (error instanceof JoseError && error.code === 'key_unavailable') throw error
    if (error instanceof StrictJsonError || error instanceof JoseError || error instanceof TypeError)
      throw unavailable('the answer is not a JWK Set')
    throw error
  }
}
