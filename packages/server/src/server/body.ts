// A request body: whole, or refused as soon as it is known to be too large.
import type { Incoming } from '../gateway/messages.ts'
import { uploadOf } from '../gateway/messages.ts'

/** @param done told once: the bytes, or undefined if they are more than `most`. Not told at all if the caller goes away. */
export function readBody(request: Incoming, most: number, done: (body: Uint8Array | undefined) => void): void {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > most) return done(undefined)
  const upload = uploadOf(request)
  if (!upload) return done(request.body ?? NOTHING)
  const chunks: Buffer[] = []
  let length = 0
  const onData = (chunk: Buffer): void => {
    length += chunk.length
    if (length <= most) return void chunks.push(chunk)
    upload.off('data', onData).off('end', onEnd)
    done(undefined)
  }
  const onEnd = (): void => done(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
  upload.on('data', onData).on('end', onEnd)
}

const NOTHING = new Uint8Array()
