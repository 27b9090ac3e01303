// A request body: whole, or refused as soon as it is known to be too large.
import type { IncomingMessage } from 'node:http'

/** @param done told once: the bytes, or undefined if they are more than `most`. Not told at all if the caller goes away. */
export function readBody(request: IncomingMessage, most: number, done: (body: Uint8Array | undefined) => void): void {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > most) return done(undefined)
  const chunks: Buffer[] = []
  let length = 0
  const onData = (chunk: Buffer): void => {
    length += chunk.length
    if (length <= most) return void chunks.push(chunk)
    request.off('data', onData).off('end', onEnd)
    done(undefined)
  }
  const onEnd = (): void => done(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
  request.on('data', onData).on('end', onEnd)
}
