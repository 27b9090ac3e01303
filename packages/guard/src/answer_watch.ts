// Watches an answer on Node's own objects until it has left or broken off, and tells the plan what became of the request: once, whatever
// happens. Changes nothing about the answer.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { Allow } from './verdict.ts'

/** The parts of net.Socket that are read. */
export interface WatchedSocket {
  readonly remoteAddress?: string | undefined
  readonly bytesWritten?: number | undefined
}

/** The parts of http.IncomingMessage that are read. */
export interface WatchedRequest {
  readonly method?: string | undefined
  readonly headers: IncomingFields
  readonly socket?: WatchedSocket | undefined
}

/** The parts of http.ServerResponse that are read. */
export interface WatchedResponse {
  readonly statusCode: number
  readonly headersSent?: boolean
  readonly destroyed: boolean
  readonly writableFinished?: boolean
  getHeader?(name: string): unknown
  once(event: 'finish' | 'close', listener: () => void): unknown
}

/**
 * Tells `done` when the answer is handed to the network, or at once if nobody is left to read it. `status` is 0 where no answer began.
 * `bytesIn` is the length the request declared, else 0. `bytesOut` is the length the answer declared, else what the socket has counted
 * since (head and chunk marks included).
 * @param now seconds, may be fractional
 */
export function watchAnswer(request: WatchedRequest, response: WatchedResponse, done: Done, now: () => number): void {
  const started = now()
  const { socket } = request
  const before = socket?.bytesWritten ?? 0
  let told = false
  const tell = (): void => {
    if (told) return
    told = true
    const written = Math.max(0, (socket?.bytesWritten ?? before) - before)
    const status = response.headersSent === true ? response.statusCode : 0
    const bytesOut = status === 0 ? 0 : (declaredOut(request, response) ?? written)
    done({ status, bytesIn: lengthOf(request.headers['content-length']), bytesOut, milliseconds: millisecondsBetween(started, now()) })
  }
  if (response.destroyed) return tell()
  response.once('finish', tell)
  response.once('close', tell)
}

type Done = NonNullable<Allow['done']>

/** Bytes of the body, where the answer was finished and said how many; undefined: it did not. */
function declaredOut({ method }: WatchedRequest, response: WatchedResponse): number | undefined {
  if (response.writableFinished !== true) return undefined
  if (method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304) return 0
  const declared = response.getHeader?.('content-length')
  return declared === undefined ? undefined : lengthOf(declared)
}

/** Whole ones; a clock that was set back gives 0. @param from seconds @param to seconds */
export function millisecondsBetween(from: number, to: number): number {
  return Math.max(0, Math.round((to - from) * 1000))
}

/** Of a field `Content-Length`; 0 for anything that is none. */
export function lengthOf(field: unknown): number {
  const length = typeof field === 'number' || (typeof field === 'string' && /^\d{1,15}$/.test(field)) ? Number(field) : 0
  return Number.isSafeInteger(length) && length > 0 ? length : 0
}
