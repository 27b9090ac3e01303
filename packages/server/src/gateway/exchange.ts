// One admitted request on its way to the upstream, again where it may be, and the answer back: streamed both ways, nothing kept.
// A thing with a life: it ends once, when the answer has left or broken off. Owns no pool, no policy.
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { bodyOf } from './body_limit.ts'
import type { GatewayErrorCode } from './errors.ts'
import { answerGatewayError } from './errors.ts'
import { codeOf, isConnectionFailure, isHarmless } from './failure.ts'
import { answerFields, valuesOf } from './fields.ts'
import type { Incoming, Outgoing } from './messages.ts'
import { uploadOf } from './messages.ts'
import type { Upgrade } from './tunnel.ts'
import { answerSwitch, openTunnel } from './tunnel.ts'
import type { AnswerHead } from './upstream/answer_head.ts'
import type { Ask, AskListener, Line } from './upstream/ask.ts'
import type { Upstream } from './upstream/upstream.ts'

export interface Order {
  readonly request: Incoming
  readonly response: Outgoing
  readonly upgrade: Upgrade | undefined
  /** Added to the answer. */
  readonly answerHeaders: Readonly<Record<string, string>>
  readonly maxBodyBytes: number | null
  readonly timeoutMs: number
  /** How often it is tried again while nothing of an answer has come, if that does no harm. */
  readonly retries: number
}

/** What the upstream is asked. */
export interface Errand {
  /** Path and query there. */
  readonly path: string
  /** `[name, value, name, value ...]` */
  readonly fields: string[]
}

/** @param status 0: nothing of an answer was begun. Bytes are of bodies, or of what went through a tunnel. */
export type Settled = (status: number, bytesIn: number, bytesOut: number) => void

/** A caller that takes nothing of his answer for so long is gone. */
const STALLED_MS = 60_000
/** So long a request waits for one of the upstream's connections, or as long as its answer may take. */
const WAITING_MS = 10_000
const RETRY_MS = 50
/** Bytes of a body that is cheaper to copy than to send apart from its head. */
const SMALL = 16_384

const NOWHERE: Errand = Object.freeze({ path: '', fields: [] })
const CLOSE = Object.freeze({ connection: 'close' } as const)

export class Exchange implements Ask, AskListener {
  readonly #order: Order
  readonly #settled: Settled
  #upstream: Upstream | undefined
  #errand: Errand = NOWHERE
  #line: Line | undefined
  #body: Readable | undefined
  #attempts = 0
  /** The first byte of an answer has come. */
  #begun = false
  /** Something of the answer's body has been written. */
  #written = false
  /** The caller has all he gets. */
  #over = false
  #bytesIn = 0
  #bytesOut = 0
  #waiting: NodeJS.Timeout | undefined
  #stalled: NodeJS.Timeout | undefined

  constructor(order: Order, settled: Settled) {
    this.#order = order
    this.#settled = settled
    order.response.once('close', this.#end)
    // Gone while the guard was asked.
    if (order.response.destroyed) this.#end()
  }

  start(upstream: Upstream, errand: Errand): void {
    if (this.#over) return
    this.#upstream = upstream
    this.#errand = errand
    this.#send(upstream)
  }

  /** Answers so, if nothing of another answer has left. */
  fail(code: GatewayErrorCode): void {
    const { response, answerHeaders } = this.#order
    if (this.#over) return
    if (response.headersSent) response.destroy()
    else answerGatewayError(response, code, answerHeaders)
  }

  // What the upstream is asked.

  get method(): string {
    return this.#order.request.method ?? 'GET'
  }

  get path(): string {
    return this.#errand.path
  }

  get fields(): readonly string[] {
    return this.#errand.fields
  }

  get body(): Readable | undefined {
    return this.#body
  }

  get protocol(): string | undefined {
    return this.#order.upgrade?.protocol
  }

  // What comes of it.

  onLine(line: Line): boolean {
    clearTimeout(this.#waiting)
    const { request, response } = this.#order
    if (this.#over || response.headersSent) return false
    this.#line = line
    if (request.headers.expect !== undefined) response.writeContinue()
    return true
  }

  onBodySent(bytes: number): void {
    this.#bytesIn += bytes
  }

  onBegun(): void {
    this.#begun = true
  }

  onHead({ status, fields }: AnswerHead): void {
    const { request, response, answerHeaders } = this.#order
    // Something else has answered in the meantime: that the body was too slow.
    if (response.headersSent) return this.#dropLine()
    // Where the upload still goes on, its rest may never be read.
    response.writeHead(status, { ...answerFields(fields, status), ...answerHeaders, ...(!request.complete && CLOSE) })
  }

  /** A head whose body does not come with it leaves at once: a stream of events may be silent for long. */
  onLull(): void {
    const { response } = this.#order
    if (response.headersSent && !this.#written) response.flushHeaders()
  }

  onData(piece: Buffer, isLast: boolean): void {
    const { response } = this.#order
    this.#bytesOut += piece.length
    if (isLast) {
      this.#line = undefined
      // Node writes a text together with the head that is still to go, where bytes cost a second piece: these are the same bytes.
      if (!this.#written && piece.length <= SMALL) response.end(piece.toString('latin1'), 'latin1')
      else response.end(piece)
      return
    }
    this.#written = true
    if (!response.write(piece)) this.#pause()
  }

  onEnd(): void {
    this.#line = undefined
    this.#order.response.end()
  }

  onSwitch({ fields }: AnswerHead, socket: Socket): void {
    this.#line = undefined
    const { upgrade, timeoutMs, response, answerHeaders } = this.#order
    const protocol = valuesOf(fields, 'upgrade')
    if (upgrade === undefined || protocol?.toLowerCase() !== upgrade.protocol.toLowerCase()) {
      socket.destroy()
      return this.fail('upstream_unreachable')
    }
    response.off('close', this.#end)
    upgrade.detach()
    this.#over = true
    answerSwitch(upgrade.socket, { ...answerFields(fields, 101), ...answerHeaders, connection: 'Upgrade', upgrade: protocol })
    openTunnel({ caller: upgrade.socket, head: upgrade.head, upstream: socket }, timeoutMs, (bytesIn, bytesOut) =>
      this.#settled(101, bytesIn, bytesOut),
    )
  }

  onError(error: Error): void {
    this.#line = undefined
    if (this.#over) return
    if (this.#mayTryAgain(error)) this.#tryAgain()
    else this.fail(codeOf(error))
  }

  #dropLine(): void {
    this.#line?.drop()
    this.#line = undefined
  }

  #send(upstream: Upstream): void {
    if (upstream.isCrowded()) {
      const wait = Math.min(WAITING_MS, this.#order.timeoutMs)
      // Of the attempt before: it would cut off this one, which may have its connection by then.
      clearTimeout(this.#waiting)
      this.#waiting = setTimeout(() => this.fail('upstream_busy'), wait)
    }
    this.#body = bodyOf(this.#order.request, this.#order.maxBodyBytes)
    upstream.send(this)
  }

  #pause(): void {
    const { response } = this.#order
    this.#line?.pause()
    if (this.#stalled !== undefined) return
    this.#stalled = setTimeout(() => response.destroy(), STALLED_MS)
    response.once('drain', () => {
      clearTimeout(this.#stalled)
      this.#stalled = undefined
      this.#line?.resume()
    })
  }

  #mayTryAgain(error: Error): boolean {
    const { request, upgrade, retries } = this.#order
    if (this.#begun || this.#attempts >= retries || upgrade !== undefined) return false
    return isHarmless(request) && isConnectionFailure(error)
  }

  /** At once for a connection that had been idle too long; then with a breath between. */
  #tryAgain(): void {
    const pause = this.#attempts === 0 ? 0 : RETRY_MS * 2 ** this.#attempts
    this.#attempts += 1
    setTimeout(() => {
      if (!this.#over && this.#upstream) this.#send(this.#upstream)
    }, pause)
  }

  readonly #end = (): void => {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#waiting)
    clearTimeout(this.#stalled)
    const { response } = this.#order
    // Whatever of the exchange is left has nobody to go to.
    if (this.#line) this.#dropLine()
    else this.#upstream?.forget(this)
    if (this.#body !== uploadOf(this.#order.request)) this.#body?.destroy()
    this.#settled(response.headersSent ? response.statusCode : 0, this.#bytesIn, this.#bytesOut)
  }
}
