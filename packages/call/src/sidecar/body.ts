// The body of a caller's request: small ones whole, so that they can be sent twice, larger ones as they come, none beyond the bound.
import type { IncomingMessage } from 'node:http'
import { Readable, Transform } from 'node:stream'

/** Longer than the sidecar takes. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** A caller who sends nothing more of a body for so long is hung up on. */
const LONGEST_SILENCE_MS = 60_000
/** How long the rest of a body that nobody wants any more is read, so that the caller comes to read his answer. */
const LINGER_MS = 5000
const WHOLE_UP_TO = 64 * 1024

/** @throws BodyTooLarge, here or from the stream. */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | ReadableStream | undefined> {
  const length = incoming.headers['content-length']
  if (incoming.headers['transfer-encoding'] === undefined && (length === undefined || length === '0')) return undefined
  if (Number(length) > maxBytes) throw new BodyTooLarge()
  const body = bounded(incoming, maxBytes)
  if (length === undefined || Number(length) > WHOLE_UP_TO) return Readable.toWeb(body)
  const whole: Uint8Array[] = []
  for await (const chunk of body) whole.push(chunk as Uint8Array)
  return Uint8Array.from(Buffer.concat(whole))
}

function bounded(incoming: IncomingMessage, maxBytes: number): Transform {
  let length = 0
  const body = new Transform({
    transform(chunk: Uint8Array, _, passed) {
      length += chunk.byteLength
      silence.refresh()
      if (length > maxBytes) passed(new BodyTooLarge())
      else passed(null, chunk)
    },
  })
  const silence = setTimeout(() => {
    // It is not the caller's fault if the API takes its time.
    if (body.writableNeedDrain) silence.refresh()
    else incoming.destroy()
  }, LONGEST_SILENCE_MS).unref()
  incoming.once('close', () => {
    clearTimeout(silence)
    // Half a body must not look like a whole one.
    if (!incoming.complete) body.destroy(new Error('The caller went away.'))
  })
  body.once('close', () => {
    if (incoming.complete) return
    incoming.resume()
    const linger = setTimeout(() => incoming.destroy(), LINGER_MS).unref()
    incoming.once('close', () => clearTimeout(linger))
  })
  return incoming.pipe(body)
}
