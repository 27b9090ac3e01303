// The answer to a plain request, written as node:http writes it: head and first piece of the body in one. RFC 9112 sections 4, 6 and 7.
import { EventEmitter } from 'node:events'
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Watched } from '../answer.ts'
import { REQUEST_ID_HEADER } from '../answer.ts'
import type { PlainRequest } from './request.ts'

/** Longer than the proxies and pools in front keep their connections, so that they close them and not we. */
export const KEEP_ALIVE_MS = 75_000

/** The connection that an answer leaves on. */
export interface AnswerLine {
  readonly socket: Socket
  /** It takes no other request behind this one. */
  readonly isEnding: () => boolean
  /** Told of each write that has left; all of them in their order. */
  readonly left: (error?: Error | null) => void
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** 15 digits are a number exactly. */
const LENGTH = /^[0-9]{1,15}$/
/** The connection's, written here alone. */
const OURS = new Set(['transfer-encoding', 'keep-alive', 'trailer', 'upgrade'])
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(KEEP_ALIVE_MS / 1000)}\r\n`
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
  #isDated = false
  #saysClose = false
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

  writeHead(status: number, fields: OutgoingHttpHeaders | OutgoingHttpHeader[] = {}): this {
    if (this.headersSent) throw new Error('An answer has one head.')
    this.#forgetHead()
    this.counted?.(status)
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
    if (Array.isArray(fields)) for (let i = 0; i + 1 < fields.length; i += 2) text += this.#field(String(fields[i]), fields[i + 1])
    else for (const name of Object.keys(fields)) text += this.#field(name, fields[name])
    if (this.requestId !== '') text += `${REQUEST_ID_HEADER}: ${this.requestId}\r\n`
    if (!this.#isDated) text += `Date: ${httpDate()}\r\n`
    this.closes ||= this.#line.isEnding()
    if (!this.#saysClose) text += this.closes ? 'Connection: close\r\n' : KEEP_ALIVE
    this.#hasBody = this.req.method !== 'HEAD' && status !== 204 && status !== 304
    if (this.#hasBody && this.#left === undefined) text += 'Transfer-Encoding: chunked\r\n'
    this.#head = `${text}\r\n`
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

  /** What a head that could not be written left behind. */
  #forgetHead(): void {
    this.#left = undefined
    this.#isDated = false
    this.#saysClose = false
  }

  #field(name: string, value: OutgoingHttpHeader | undefined): string {
    if (Array.isArray(value)) return value.map((one) => this.#field(name, one)).join('')
    const text = String(value)
    if (value === undefined || !VALUE.test(text)) throw new TypeError(`The field ${name} of an answer cannot be written.`)
    switch (nameOf(name)) {
      case 'connection':
        if (text !== 'close') return ''
        this.closes = true
        this.#saysClose = true
        break
      case REQUEST_ID_HEADER:
        // Also in place of one that the upstream sent: the id is the caller's, the log's and the upstream's alike.
        if (this.requestId !== '') return ''
        break
      case 'content-length':
        if (this.#left !== undefined || !LENGTH.test(text)) throw new TypeError('An answer has one length.')
        this.#left = Number(text)
        break
      case 'date':
        this.#isDated = true
        break
      default:
    }
    return `${name}: ${text}\r\n`
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

/** The names that were looked at before, in lower case; an upstream may invent some, so only so many. */
const known = new Map<string, string>()
const MOST_KNOWN = 1000

function nameOf(written: string): string {
  const before = known.get(written)
  if (before !== undefined) return before
  const name = written.toLowerCase()
  if (!NAME.test(written) || OURS.has(name)) throw new TypeError('An answer has a field that cannot be written.')
  if (known.size < MOST_KNOWN && written.length <= 64) known.set(written, name)
  return name
}

let dated = ''
let datedSecond = 0

/** RFC 9110 section 5.6.7, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== datedSecond) dated = new Date(second * 1000).toUTCString()
  datedSecond = second
  return dated
}
