// One HTTP exchange with the provider: timed, bounded, never redirected. The codecs know what it means; this knows only that it happened.
import type { WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import { TokenRequestFailed } from './errors.ts'

/** What the core needs of the world. `fetch` is called as a bare function. */
export interface Transport {
  readonly fetch: typeof globalThis.fetch
  /** For one whole exchange. */
  readonly timeoutMs: number
  /** Epoch seconds. */
  readonly now: () => number
}

const MAX_ANSWER_BYTES = 64 * 1024

/** @throws TokenRequestFailed `unreachable`, `timeout`, `redirected` or `unreadable_answer` */
export async function exchange(url: URL, request: WireRequest, { fetch, timeoutMs }: Transport): Promise<WireResponse> {
  const signal = AbortSignal.timeout(timeoutMs)
  const fail = (
    code: 'unreachable' | 'timeout' | 'redirected' | 'unreadable_answer',
    description: string,
    status?: number,
  ): TokenRequestFailed => new TokenRequestFailed({ code, origin: url.origin, status, description })
  try {
    const { method, headers, body } = request
    const response = await fetch(url.href, { method, headers: definedFields(headers), body, redirect: 'manual', signal })
    if (isRedirect(response)) {
      await response.body?.cancel()
      throw fail('redirected', 'It redirects, and credentials are not sent on: the URL must be the endpoint itself.', response.status)
    }
    const text = await readBounded(response, MAX_ANSWER_BYTES)
    if (text === undefined) {
      throw fail('unreadable_answer', `Its answer is longer than ${MAX_ANSWER_BYTES} bytes or not UTF-8.`, response.status)
    }
    return { status: response.status, headers: Object.fromEntries(response.headers), body: text }
  } catch (error) {
    if (error instanceof TokenRequestFailed) throw error
    if (signal.aborted) throw fail('timeout', `No answer came within ${timeoutMs} ms.`)
    // The error of a stranger's fetch may carry the whole request: only a system code is taken from it.
    throw fail('unreachable', `The connection failed${systemCode(error)}.`)
  }
}

/** A body as UTF-8 text; undefined if it is longer than `maxBytes` or not UTF-8. Always reads or cancels it. */
export async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  const reader = response.body?.getReader()
  if (!reader) return ''
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let length = 0
  let chunk = await reader.read()
  while (!chunk.done) {
    const bytes = chunk.value as Uint8Array
    length += bytes.byteLength
    const piece = length > maxBytes ? undefined : decoded(decoder, bytes, true)
    if (piece === undefined) {
      await reader.cancel()
      return undefined
    }
    text += piece
    chunk = await reader.read()
  }
  const end = decoded(decoder, undefined, false)
  return end === undefined ? undefined : text + end
}

export function isRedirect(response: Response): boolean {
  return response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400 && response.status !== 304)
}

/** ` (ECONNREFUSED)` where an error of fetch tells a system code, else nothing. */
export function systemCode(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? ` (${code})` : ''
}

function decoded(decoder: TextDecoder, bytes: Uint8Array | undefined, stream: boolean): string | undefined {
  try {
    return decoder.decode(bytes, { stream })
  } catch {
    return undefined
  }
}

function definedFields(fields: WireRequest['headers']): Record<string, string> {
  const defined: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) defined[name] = value
  return defined
}
