// One connection of the public listener, as long as plain requests come on it: one after another, each answered before the next is looked at.
// The first bytes that are anything else go to node:http with the connection, for good. Reads no head, decides nothing.
import type { Socket } from 'node:net'
import type { AnswerLine } from './answer.ts'
import { PlainAnswer } from './answer.ts'
import { KEEP_ALIVE_MS } from './answer_head.ts'
import type { PlainRequest } from './request.ts'
import { readPlain } from './request.ts'

export interface ConnectionOwner {
  readonly take: (request: PlainRequest, answer: PlainAnswer) => void
  /** The connection is node:http's from here on; nothing of it was read but `bytes`. */
  readonly passOn: (socket: Socket, bytes: Buffer) => void
  /** No connection takes another request. */
  readonly isEnding: () => boolean
  /** It has ended, or was passed on. */
  readonly gone: (connection: PlainConnection) => void
}

/** How long nothing may come while no answer is under way. */
export interface Patience {
  /** Before the first request. */
  readonly firstMs: number
  readonly nextMs: number
}

/** A second more than was told, as node:http has it: what is sent at the last moment is still on its way. */
const PATIENCE: Patience = { firstMs: 10_000, nextMs: KEEP_ALIVE_MS + 1_000 }

export class PlainConnection implements AnswerLine {
  readonly socket: Socket
  readonly #owner: ConnectionOwner
  readonly #patience: Patience
  #answer: PlainAnswer | undefined
  /** Read while an answer is under way: the next request, or the beginning of it. */
  #held: Buffer | undefined

  constructor(socket: Socket, owner: ConnectionOwner, patience = PATIENCE) {
    this.socket = socket
    this.#owner = owner
    this.#patience = patience
    socket.setTimeout(patience.firstMs)
    socket.on('data', this.#data).on('end', this.#end).on('timeout', this.#timeout).on('drain', this.#drain)
    socket.on('error', ignore).on('close', this.#closed)
  }

  readonly isEnding = (): boolean => this.#held === undefined && this.#owner.isEnding()

  endIfIdle(): void {
    if (this.#answer === undefined) this.socket.destroy()
  }

  readonly left = (error?: Error | null): void => {
    const answer = this.#answer
    // What could not leave ends with the connection.
    if (error || answer?.left() !== true) return
    this.#answer = undefined
    if (answer.closes || this.isEnding()) return this.socket.destroySoon()
    const held = this.#held
    // A request on a connection that was ended meanwhile would be done for nobody.
    if (held === undefined || this.socket.destroyed) return
    this.#held = undefined
    this.socket.resume()
    this.#data(held)
  }

  readonly #data = (bytes: Buffer): void => {
    if (this.#answer !== undefined) {
      // Pipelined. Nothing more is read until it is its turn.
      this.#held = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes])
      return void this.socket.pause()
    }
    const request = readPlain(bytes, this.socket)
    if (request === undefined) return this.#passOn(bytes)
    const { nextMs } = this.#patience
    if (this.socket.timeout !== nextMs) this.socket.setTimeout(nextMs)
    const answer = new PlainAnswer(request, this)
    this.#answer = answer
    // Whoever always asks one ahead would keep it for ever.
    answer.closes = this.#owner.isEnding()
    this.#owner.take(request, answer)
  }

  #passOn(bytes: Buffer): void {
    const { socket } = this
    socket.off('data', this.#data).off('end', this.#end).off('timeout', this.#timeout).off('drain', this.#drain)
    socket.off('error', ignore).off('close', this.#closed)
    socket.setTimeout(0)
    this.#owner.gone(this)
    this.#owner.passOn(socket, bytes)
  }

  /** As node:http does: who sends no more wants no more. */
  readonly #end = (): void => void this.socket.end()

  readonly #timeout = (): void => {
    this.endIfIdle()
    // An answer may end without another byte: it is told once, and would not be again.
    if (this.#answer !== undefined) this.socket.setTimeout(this.#patience.nextMs)
  }

  readonly #drain = (): void => void this.#answer?.emit('drain')

  readonly #closed = (): void => {
    this.#owner.gone(this)
    this.#answer?.gone()
  }
}

function ignore(): void {
  // `close` follows, and says all there is to say.
}
