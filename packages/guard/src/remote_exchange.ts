// One exchange with the issuer: bounded in time and size, without redirects, JSON read strictly. Owns no URL and keeps nothing.
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import { isJsonObject, parseStrictJson } from '@countersign/protocol/oauth/strict_json'

export interface Exchanger {
  readonly fetch: typeof globalThis.fetch
  /** For one exchange; default 5 s. */
  readonly timeoutMs?: number | undefined
}

export interface Exchanged {
  readonly status: number
  readonly answer: JsonObject
}

/** The issuer cannot be asked now, or answers what it must not: a malfunction, 503. The message names the URL, never a token. */
export class RemoteGuardError extends Error {
  override readonly name = 'RemoteGuardError'
}

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost|[^.]+\.localhost)$/

/** @throws TypeError for a URL that is neither https nor on loopback, or carries credentials */
export function checkUrl(text: string, { allowHttp = false }: { readonly allowHttp?: boolean }): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && (allowHttp || LOOPBACK.test(url.hostname)))
  if (url === undefined || !secure || url.username !== '' || url.password !== '') {
    throw new TypeError('the URLs of an issuer must be https and carry no credentials')
  }
  return text
}

const MAX_BYTES = 256 * 1024

/** @param statuses that are answers; any other is a malfunction. */
export async function exchange(
  { fetch, timeoutMs = 5000 }: Exchanger,
  url: string,
  init: RequestInit,
  statuses: readonly number[] = [200],
): Promise<Exchanged> {
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    // Credentials and tokens follow no redirect.
    const response = await fetch(url, { ...init, redirect: 'manual', signal })
    if (!statuses.includes(response.status)) {
      await response.body?.cancel()
      throw new RemoteGuardError(`${url} answers with status ${response.status}`)
    }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await readBody(response, url))
    const answer = parseStrictJson(text, { maxDepth: 16, maxMembers: 5000 })
    if (!isJsonObject(answer)) throw new RemoteGuardError(`${url} does not answer with a JSON object`)
    return { status: response.status, answer }
  } catch (error) {
    if (error instanceof RemoteGuardError) throw error
    throw new RemoteGuardError(`${url} cannot be asked: ${signal.aborted ? `no answer within ${timeoutMs} ms` : 'the exchange failed'}`)
  }
}

async function readBody(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  if (response.body === null) return new Uint8Array()
  const body: AsyncIterable<Uint8Array> = response.body
  // Leaving the loop cancels the body.
  for await (const chunk of body) {
    length += chunk.byteLength
    if (length > MAX_BYTES) throw new RemoteGuardError(`${url} answers with more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
