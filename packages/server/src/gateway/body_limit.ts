// A request body of unknown length on its way, broken off at the byte that is one too many. One whose length is announced needs none of this.
import type { IncomingMessage } from 'node:http'
import type { TransformCallback } from 'node:stream'
import { Readable, Transform } from 'node:stream'
import { hasBody } from './errors.ts'
import type { Incoming } from './messages.ts'
import { uploadOf } from './messages.ts'

export class BodyTooLarge extends Error {}

/** What is passed on of a request. Node holds it to the length that was announced, which the gateway has looked at. */
export function bodyOf(request: Incoming, most: number | null): Readable | undefined {
  if (!hasBody(request.headers)) return undefined
  const upload = uploadOf(request)
  if (!upload) return Readable.from([request.body], { objectMode: false })
  return most === null || request.headers['content-length'] !== undefined ? upload : limitBody(upload, most)
}

/** @param most bytes */
function limitBody(request: IncomingMessage, most: number): Transform {
  const limited = new Limit(most)
  // A pipe passes on the end, not the breaking off: half a body must never look whole.
  const breakOff = (): void => {
    if (!request.complete) limited.destroy(new Error('the caller is gone'))
  }
  request.once('close', breakOff).once('error', breakOff)
  // Whoever sends it may have let go of it when it breaks off.
  limited.on('error', () => undefined).once('close', () => request.unpipe(limited).off('close', breakOff))
  return request.pipe(limited)
}

class Limit extends Transform {
  #left: number

  constructor(most: number) {
    super()
    this.#left = most
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#left -= chunk.length
    if (this.#left < 0) done(new BodyTooLarge())
    else done(null, chunk)
  }
}
