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
    const response = await fetch(url.href, { method, headers: definedFields(headers), body: body || null, redirect: 'manual', signal })
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
  // Types of the platform differ: here a body is of bytes, as the Fetch standard has it.
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>> | null)?.getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read()) {
    length += chunk.value.byteLength
    if (length > maxBytes) {
      await reader?.cancel()
      return undefined
    }
    chunks.push(chunk.value)
  }
  const bytes = await new Blob(chunks).arrayBuffer()
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function isRedirect(response: Response): boolean {
  return response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400 && response.status !== 304)
}

/** ` (ECONNREFUSED)` where an error of fetch tells a system code, else nothing. */
export function systemCode(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code) ? ` (${code})` : ''
}

function definedFields(fields: WireRequest['headers']): Record<string, string> {
  const defined: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) defined[name] = value
  return defined
}
