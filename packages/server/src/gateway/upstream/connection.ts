// One connection to an upstream: one request at a time, and idle between two. Whatever leaves a doubt about where an answer ends, ends it.
import type { Socket } from 'node:net'
import type { AnswerHead } from './answer_head.ts'
import { IDLE_MS } from './answer_head.ts'
import type { AnswerListener } from './answer_reader.ts'
import { AnswerReader } from './answer_reader.ts'
import type { Ask, AskListener, Line } from './ask.ts'
import { UpstreamFailed } from './ask.ts'
import type { BodyListener } from './request_body.ts'
import { BodySender } from './request_body.ts'
import { writeHead } from './request_head.ts'

export interface ConnectionOwner {
  /** It may take another request, for so long. */
  readonly onIdle: (connection: Connection, idleMs: number) => void
  /** It takes no more, or it is another protocol's now. */
  readonly onGone: (connection: Connection) => void
}

export interface ConnectionOptions {
  /** Opened already; connected or not. */
  readonly socket: Socket
  /** `connect`, or `secureConnect`. */
  readonly ready: string
  /** The Host field. */
  readonly host: string
  /** Milliseconds until an answer begins, and between two pieces of it. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
}

export class Connection implements Line, AnswerListener, BodyListener {
  readonly #socket: Socket
  readonly #host: string
  readonly #timeoutMs: number
  readonly #owner: ConnectionOwner
  #connecting: NodeJS.Timeout | undefined
  #ask: (Ask & AskListener) | undefined
  #reader: AnswerReader | undefined
  #body: BodySender | undefined
  /** For a head that comes in pieces. */
  #slowHead: NodeJS.Timeout | undefined
  #begun = false
  /** The head of the answer is there. */
  #answering = false
  #paused = false
  /** How long the connection may be idle behind the answer under way, or the one before. */
  #idleMs = IDLE_MS
  #isGone = false

  constructor({ socket, ready, host, timeoutMs, connectTimeoutMs }: ConnectionOptions, owner: ConnectionOwner) {
    this.#socket = socket
    this.#host = host
    this.#timeoutMs = timeoutMs
    this.#owner = owner
    this.#connecting = setTimeout(this.#tooLate, connectTimeoutMs)
    socket.setNoDelay(true).setTimeout(timeoutMs)
    socket.once(ready, this.#connected)
    socket.on('data', this.#data).on('end', this.#end).on('timeout', this.#timeout).on('error', this.#error).on('close', this.#closed)
  }

  /** Only where nothing is under way. */
  send(ask: Ask & AskListener): void {
    this.#ask = ask
    if (this.#connecting === undefined) this.#begin(ask)
  }

  drop(): void {
    this.#ask = undefined
    this.#leave()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    // The time that the caller took is not the upstream's.
    this.#socket.setTimeout(this.#timeoutMs)
    this.#socket.resume()
  }

  // Behind here: what the socket, the reader and the sender call.

  readonly #connected = (): void => {
    clearTimeout(this.#connecting)
    this.#connecting = undefined
    if (this.#ask) this.#begin(this.#ask)
  }

  #begin(ask: Ask & AskListener): void {
    this.#begun = false
    this.#answering = false
    this.#paused = false
    try {
      const isWanted = ask.onLine(this)
      // Dropped in between.
      if (this.#isGone) return
      if (!isWanted) return this.#free()
      const { text, framing } = writeHead(ask, this.#host)
      this.#reader = new AnswerReader({ method: ask.method, switches: ask.protocol !== undefined }, this)
      this.#socket.write(text, 'latin1')
      if (ask.body) this.#body = new BodySender(ask.body, this.#socket, framing, this)
    } catch (error) {
      this.#error(error)
    }
  }

  onHead(head: AnswerHead): void {
    clearTimeout(this.#slowHead)
    this.#slowHead = undefined
    this.#answering = true
    // An upstream, or what stands before it, may take the connection for another protocol's although it says otherwise.
    this.#idleMs = this.#ask?.protocol === undefined ? head.idleMs : 0
    this.#ask?.onHead(head)
  }

  onData(piece: Buffer, isLast: boolean): void {
    this.#ask?.onData(piece, isLast)
  }

  onEnd(): void {
    this.#ask?.onEnd()
  }

  onSwitch(head: AnswerHead, rest: Buffer): void {
    const ask = this.#ask
    const socket = this.#socket
    this.#ask = undefined
    this.#body?.stop()
    socket.off('data', this.#data).off('end', this.#end).off('timeout', this.#timeout).off('close', this.#closed).setTimeout(0)
    clearTimeout(this.#slowHead)
    this.#isGone = true
    this.#owner.onGone(this)
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    try {
      ask?.onSwitch(head, socket)
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  onBodySent(bytes: number): void {
    this.#ask?.onBodySent(bytes)
  }

  onWhole(): void {
    this.#body = undefined
  }

  onBroken(error: Error): void {
    this.#fail(error)
  }

  readonly #data = (bytes: Buffer): void => {
    const reader = this.#reader
    // Nothing was asked: an answer to nobody would be taken for the next one's.
    if (!reader) return this.#fail(new UpstreamFailed('UPSTREAM_CLOSED'))
    try {
      if (!this.#begun) {
        this.#begun = true
        this.#ask?.onBegun()
      }
      const read = reader.read(bytes)
      if (this.#isGone) return
      if (reader.isOver) this.#over(read === bytes.length)
      else if (this.#answering) this.#ask?.onLull()
      // One byte now and then would keep it from being too late for ever.
      else this.#slowHead ??= setTimeout(this.#tooLate, this.#timeoutMs)
    } catch (error) {
      this.#error(error)
    }
  }

  /** @param isClean nothing came behind the answer */
  #over(isClean: boolean): void {
    this.#ask = undefined
    // An upload that is not through would run into the next request.
    if (!isClean || this.#body || this.#idleMs === 0) this.#leave()
    else this.#free()
  }

  #free(): void {
    this.#ask = undefined
    this.#reader = undefined
    if (this.#paused) this.resume()
    this.#owner.onIdle(this, this.#idleMs)
  }

  readonly #end = (): void => {
    if (this.#ask && this.#reader?.close()) this.#over(false)
    else this.#fail(new UpstreamFailed('UPSTREAM_CLOSED'))
  }

  readonly #timeout = (): void => {
    if (this.#ask === undefined || this.#paused || this.#connecting) return
    // It is the caller who sends no more: his server's limits are for that, until the two talk.
    if (this.#body && !this.#body.waitsForUpstream && !this.#answering) return
    this.#tooLate()
  }

  readonly #tooLate = (): void => this.#fail(new UpstreamFailed('UPSTREAM_TIMEOUT'))

  readonly #error = (error: unknown): void => {
    this.#fail(error instanceof Error ? error : new Error('malfunction', { cause: error }))
  }

  readonly #closed = (): void => this.#fail(new UpstreamFailed('UPSTREAM_CLOSED'))

  #fail(error: Error): void {
    const ask = this.#ask
    this.#ask = undefined
    this.#leave()
    ask?.onError(error)
  }

  #leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#connecting)
    clearTimeout(this.#slowHead)
    this.#reader?.stop()
    this.#body?.stop()
    this.#socket.destroy()
    this.#owner.onGone(this)
  }
}
