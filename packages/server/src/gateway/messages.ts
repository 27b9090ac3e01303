// A request and its answer as all behind the public listener see them. node:http's own are such, and those of server/plain.
import type { IncomingHttpHeaders, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

export interface Incoming {
  readonly method?: string | undefined
  /** As sent; settled before anybody else reads it. */
  url?: string | undefined
  readonly headers: IncomingHttpHeaders
  /** `[name, value, name, value ...]`, names as sent. */
  readonly rawHeaders: readonly string[]
  readonly socket: Socket
  /** Nothing of it is still to come. */
  readonly complete: boolean
  /** Where all of it came at once: its body, which may be empty. */
  readonly body?: Uint8Array
}

export interface Outgoing {
  readonly req: Incoming
  readonly statusCode: number
  readonly headersSent: boolean
  readonly destroyed: boolean
  readonly writableFinished: boolean
  readonly writableLength: number
  readonly writableNeedDrain: boolean
  readonly socket: Socket | null
  /** @param fields made for this answer alone; a list is `[name, value, name, value ...]` */
  writeHead(status: number, fields?: OutgoingHttpHeaders | OutgoingHttpHeader[]): this
  flushHeaders(): void
  writeContinue(): void
  write(piece: string | Uint8Array): boolean
  end(piece?: string | Uint8Array): this
  end(piece: string, encoding: 'latin1'): this
  destroy(): this
  once(event: 'close' | 'drain' | 'finish', listener: () => void): this
  on(event: 'close' | 'drain', listener: () => void): this
  on(event: 'error', listener: (error: Error) => void): this
  off(event: 'close' | 'drain', listener: () => void): this
}

/** Where the body is read that did not come at once. */
export function uploadOf(request: Incoming): IncomingMessage | undefined {
  return request instanceof IncomingMessage ? request : undefined
}
