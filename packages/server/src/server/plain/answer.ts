// The answer to a plain request, written as node:http writes it: head and first piece of the body in one. RFC 9112 sections 6 and 7.
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Watched } from '../answer.ts'
import type { AnswerFields } from './answer_head.ts'
import { writeHead } from './answer_head.ts'
import type { PlainRequest } from './request.ts'

/** The connection that an answer leaves on. */
export interface AnswerLine {
  readonly socket: Socket
  /** It takes no other request behind this one. */
  readonly isEnding: () => boolean
  /** Told of each write that has left; all of them in their order. */
  readonly left: (error?: Error | null) => void
}

const CHUNKS_END = '0\r\n\r\n'

export class PlainAnswer extends EventEmitter implements Watched {
  readonly req: PlainRequest
  requestId = ''
  began = 0
  writtenBefore = 0
  realmId = ''
  endpoint = ''
  apiId = ''
  route = ''
  client = ''
  grant = ''
  code = ''
  step: ((name: string) => void) | undefined = undefined
  counted: ((status: number) => void) | undefined = undefined
  statusCode = 200
  headersSent = false
  destroyed = false
  writableFinished = false
  /** Nothing follows on its connection. */
  closes = false
  readonly #line: AnswerLine
  /** While it waits for a piece of the body. */
  #head = ''
  #hasBody = true
  /** Bytes of the body still to come, where their number was told; otherwise it goes in chunks. */
  #left: number | undefined
  /** Writes that the connection has not let go of. */
  #leaving = 0
  #ended = false
  #closed = false

  constructor(req: PlainRequest, line: AnswerLine) {
    super()
    this.req = req
    this.#line = line
  }

  get socket(): Socket | null {
    return this.writableFinished || this.destroyed ? null : this.#line.socket
  }

  get writableLength(): number {
    return this.#line.socket.writableLength
  }

  get writableNeedDrain(): boolean {
    return this.#line.socket.writableNeedDrain
  }

  writeHead(status: number, fields: AnswerFields = {}): this {
    if (this.headersSent) throw new Error('An answer has one head.')
    this.counted?.(status)
    const isLast = this.closes || this.#line.isEnding()
    const head = writeHead(status, fields, { method: this.req.method, requestId: this.requestId, isLast })
    this.#head = head.text
    this.#hasBody = head.hasBody
    this.#left = head.length
    this.closes = head.isLast
    this.statusCode = status
    this.headersSent = true
    return this
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
    if (this.#head !== '') this.#put(this.#takeHead(), 'latin1')
  }

  writeContinue(): void {
    // A plain request waits for no permission.
  }

  write(piece: string | Uint8Array): boolean {
    if (this.#ended || this.destroyed) return false
    this.#line.socket.cork()
    this.flushHeaders()
    this.#putBody(piece)
    this.#line.socket.uncork()
    return !this.writableNeedDrain
  }

  end(piece: string | Uint8Array = '', encoding: 'latin1' | 'utf8' = 'utf8'): this {
    if (this.#ended || this.destroyed) return this
    if (!this.headersSent) this.writeHead(this.statusCode)
    this.#ended = true
    if (typeof piece === 'string' && this.#left === piece.length && (encoding === 'latin1' || Buffer.byteLength(piece) === piece.length)) {
      this.#left = 0
      this.#put(this.#hasBody ? this.#takeHead() + piece : this.#takeHead(), 'latin1')
      return this
    }
    this.#line.socket.cork()
    this.flushHeaders()
    this.#putBody(typeof piece === 'string' ? Buffer.from(piece, encoding) : piece)
    if (this.#hasBody && this.#left === undefined) this.#put(CHUNKS_END, 'latin1')
    this.#line.socket.uncork()
    // Who was told of more would take the next answer for the rest of this one.
    if (this.#hasBody && this.#left !== undefined && this.#left !== 0) this.destroy()
    // Everything has left before: it is over, but not within this call.
    if (this.#leaving === 0) {
      this.#leaving = 1
      process.nextTick(this.#line.left)
    }
    return this
  }

  destroy(): this {
    this.destroyed = true
    this.#line.socket.destroy()
    return this
  }

  // What the connection tells.

  /** One of its writes has left. @returns whether that was the last */
  left(): boolean {
    this.#leaving -= 1
    if (!this.#ended || this.#leaving > 0 || this.destroyed) return false
    this.writableFinished = true
    this.emit('finish')
    this.gone()
    return true
  }

  /** It has left, or the connection has ended before it. */
  gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.destroyed = true
    this.emit('close')
  }

  #takeHead(): string {
    const text = this.#head
    this.#head = ''
    return text
  }

  #putBody(piece: string | Uint8Array): void {
    if (!this.#hasBody || piece.length === 0) return
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    if (this.#left !== undefined) {
      this.#left -= bytes.length
      if (this.#left < 0) return void this.destroy()
      return this.#put(bytes)
    }
    this.#put(`${bytes.length.toString(16)}\r\n`, 'latin1')
    this.#put(bytes)
    this.#put('\r\n', 'latin1')
  }

  #put(piece: string | Uint8Array, encoding?: 'latin1'): void {
    this.#leaving += 1
    this.#line.socket.write(piece, encoding, this.#line.left)
  }
}
