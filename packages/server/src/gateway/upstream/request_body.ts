// The body of a request on its way to the upstream, as fast as the upstream takes it. Owns neither end.
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface BodyListener {
  readonly onBodySent: (bytes: number) => void
  /** All of it has been handed to the connection. */
  readonly onWhole: () => void
  /** It broke off, and half a body must never look whole. */
  readonly onBroken: (error: Error) => void
}

export class BodySender {
  readonly #body: Readable
  readonly #socket: Socket
  readonly #listener: BodyListener
  /** Bytes that were announced and are still to come; undefined: it goes in chunks. */
  #left: number | undefined
  #isOver = false

  constructor(body: Readable, socket: Socket, framing: number | 'chunked', listener: BodyListener) {
    this.#body = body
    this.#socket = socket
    this.#left = framing === 'chunked' ? undefined : framing
    this.#listener = listener
    if (body.destroyed && !body.readableEnded) {
      this.#close()
      return
    }
    body.on('data', this.#data).once('end', this.#end).once('error', this.#error).once('close', this.#close)
    socket.on('drain', this.#drain)
  }

  /** The connection takes no more now: the caller has been told to wait. */
  get waitsForUpstream(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** Lets go of both ends. */
  stop(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#body.off('data', this.#data).off('end', this.#end).off('error', this.#error).off('close', this.#close)
    this.#socket.off('drain', this.#drain)
    this.#body.pause()
  }

  readonly #data = (piece: Buffer): void => {
    // An empty chunk would be the last one.
    if (piece.length === 0) return
    if (this.#left === undefined) {
      this.#socket.cork()
      this.#socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
      this.#socket.write(piece)
      this.#socket.write('\r\n', 'latin1')
      this.#socket.uncork()
    } else {
      this.#left -= piece.length
      // What is too much would be read as the next request, and what is missing would be taken from it.
      if (this.#left < 0) return this.#error(new Error('the body is longer than announced'))
      this.#socket.write(piece)
    }
    this.#listener.onBodySent(piece.length)
    if (this.#socket.writableNeedDrain) this.#body.pause()
  }

  readonly #drain = (): void => {
    this.#body.resume()
  }

  readonly #end = (): void => {
    if (this.#left !== undefined && this.#left > 0) return this.#error(new Error('the body is shorter than announced'))
    this.stop()
    if (this.#left === undefined) this.#socket.write('0\r\n\r\n', 'latin1')
    this.#listener.onWhole()
  }

  readonly #error = (error: Error): void => {
    this.stop()
    this.#listener.onBroken(error)
  }

  /** It may have failed before anybody listened. */
  readonly #close = (): void => this.#error(this.#body.errored ?? new Error('the body broke off'))
}
