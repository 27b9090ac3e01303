// One admitted request on its way to the upstream, again where it may be, and the answer back: streamed both ways, nothing kept.
// A thing with a life: it ends once, when the answer has left or broken off. Owns no pool, no policy.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { limitBody } from './body_limit.ts'
import type { GatewayErrorCode } from './errors.ts'
import { answerGatewayError, hasBody } from './errors.ts'
import { codeOf, isConnectionFailure, isHarmless } from './failure.ts'
import type { AnswerHeaders } from './fields.ts'
import { answerFields, isCoded } from './fields.ts'
import { openTunnel } from './tunnel.ts'
import type { Upstream } from './upstream.ts'

/** What the caller wants of the connection instead of an answer. */
export interface Upgrade {
  /** One token: `websocket`. */
  readonly protocol: string
  readonly socket: Socket
  /** What came behind the head of the request. */
  readonly head: Buffer
}

export interface Order {
  readonly request: IncomingMessage
  readonly response: ServerResponse
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

/** What undici gives a handler to steer by. */
interface Controller {
  readonly abort: (reason: Error) => void
  readonly pause: () => void
  readonly resume: () => void
}

/** A caller that takes nothing of his answer for so long is gone. */
const STALLED_MS = 60_000
/** So long a request waits for one of the upstream's connections, or as long as its answer may take. */
const WAITING_MS = 10_000
const RETRY_MS = 50

const NOWHERE: Errand = Object.freeze({ path: '', fields: [] })
const GONE = new Error('the caller is gone')
const CLOSE = Object.freeze({ connection: 'close' } as const)

export class Exchange {
  readonly #order: Order
  readonly #settled: Settled
  #upstream: Upstream | undefined
  #errand: Errand = NOWHERE
  #controller: Controller | undefined
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
    if (upstream.isCrowded()) {
      const wait = Math.min(WAITING_MS, this.#order.timeoutMs)
      this.#waiting = setTimeout(() => this.fail('upstream_busy'), wait)
    }
    this.#send(upstream)
  }

  /** Answers so, if nothing of another answer has left. */
  fail(code: GatewayErrorCode): void {
    const { response, answerHeaders } = this.#order
    if (this.#over) return
    if (response.headersSent) response.destroy()
    else answerGatewayError(response, code, answerHeaders)
  }

  // Behind here: what undici calls.

  onRequestStart(controller: Controller): void {
    clearTimeout(this.#waiting)
    const { request, response } = this.#order
    this.#controller = controller
    if (this.#over || response.headersSent) controller.abort(GONE)
    else if (request.headers.expect !== undefined) response.writeContinue()
  }

  onBodySent(chunk: Uint8Array): void {
    this.#bytesIn += chunk.byteLength
  }

  onResponseStarted(): void {
    this.#begun = true
  }

  onResponseStart(controller: Controller, status: number, headers: AnswerHeaders): void {
    // Early hints and their like end here: many clients of HTTP/1.1 take any status but 100 for the last.
    if (status < 200 || this.#over) return
    if (isCoded(headers)) return controller.abort(new Error('a transfer coding that nobody asked for'))
    const { request, response, answerHeaders } = this.#order
    // Where the upload still goes on, its rest may never be read.
    response.writeHead(status, { ...answerFields(headers, status), ...answerHeaders, ...(!request.complete && CLOSE) })
    // A head whose body does not come with it leaves at once: a stream of events may be silent for long.
    queueMicrotask(() => {
      if (!this.#written && !response.writableEnded) response.flushHeaders()
    })
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#over) return
    this.#bytesOut += chunk.length
    this.#written = true
    if (!this.#order.response.write(chunk)) this.#pause(controller)
  }

  onResponseEnd(): void {
    this.#upstream?.release()
    this.#controller = undefined
    this.#order.response.end()
  }

  onRequestUpgrade(_controller: Controller, status: number, headers: AnswerHeaders, socket: Duplex): void {
    this.#upstream?.release()
    this.#controller = undefined
    socket.on('error', () => undefined)
    const { upgrade, timeoutMs } = this.#order
    if (this.#over) return void socket.destroy()
    if (status !== 101 || upgrade === undefined || String(headers['upgrade']).toLowerCase() !== upgrade.protocol.toLowerCase()) {
      socket.destroy()
      return this.fail('upstream_unreachable')
    }
    this.#switch(upgrade, headers)
    openTunnel({ caller: upgrade.socket, head: upgrade.head, upstream: socket }, timeoutMs, (bytesIn, bytesOut) =>
      this.#settled(101, bytesIn, bytesOut),
    )
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    this.#upstream?.release()
    this.#controller = undefined
    if (this.#over) return
    if (this.#mayTryAgain(error)) this.#tryAgain()
    else this.fail(codeOf(error))
  }

  #send(upstream: Upstream): void {
    const { request, upgrade } = this.#order
    const { path, fields } = this.#errand
    const body = hasBody(request.headers) ? this.#body() : null
    upstream.dispatch({ method: request.method ?? 'GET', path, headers: fields, body, upgrade: upgrade?.protocol ?? null }, this)
  }

  /** Node holds a body to the length that was announced, which the gateway has looked at. */
  #body(): Duplex | IncomingMessage {
    const { request, maxBodyBytes } = this.#order
    return maxBodyBytes === null || request.headers['content-length'] !== undefined ? request : limitBody(request, maxBodyBytes)
  }

  #pause(controller: Controller): void {
    const { response } = this.#order
    controller.pause()
    if (this.#stalled !== undefined) return
    this.#stalled = setTimeout(() => response.destroy(), STALLED_MS)
    response.once('drain', () => {
      clearTimeout(this.#stalled)
      this.#stalled = undefined
      controller.resume()
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

  #switch({ socket }: Upgrade, headers: AnswerHeaders): void {
    const { response, answerHeaders } = this.#order
    response.off('close', this.#end).detachSocket(socket)
    this.#over = true
    const fields = { ...answerFields(headers, 101), ...answerHeaders, connection: 'Upgrade', upgrade: headers['upgrade'] ?? '' }
    const lines = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`))
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`, 'latin1')
  }

  readonly #end = (): void => {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#waiting)
    clearTimeout(this.#stalled)
    const { response } = this.#order
    // Whatever of the exchange is left has nobody to go to.
    this.#controller?.abort(GONE)
    this.#settled(response.headersSent ? response.statusCode : 0, this.#bytesIn, this.#bytesOut)
  }
}
