// Answers that stay open, from plain pieces of text to a connection that may be slow or gone.
import type { Outgoing } from '../gateway/messages.ts'
import type { StreamedResponse } from '../issue/streamed_response.ts'

/** Bytes that may wait for somebody who does not read. */
const MOST_WAITING = 1024 * 1024
/** So long what still waits may take once the answer is at its end. */
const LINGER_MS = 5_000

export function stream(response: Outgoing, { status, headers, begin }: StreamedResponse): void {
  if (response.destroyed) return
  response.writeHead(status, { ...headers })
  if (response.req.method === 'HEAD') return void response.end()
  response.flushHeaders()
  // Its pieces are small and must not wait for the next.
  response.socket?.setNoDelay(true)
  // A connection that is reset while something is written: `close` follows, and says all there is to say.
  response.on('error', () => undefined)
  let gone = false
  const ended = begin({
    write: (text) => gone || response.write(text) || response.writableLength < MOST_WAITING,
    drained: () => (gone || !response.writableNeedDrain ? Promise.resolve() : drained(response)),
    end: () => endWithin(response),
  })
  response.once('close', () => {
    gone = true
    ended()
  })
}

/** Whoever does not read does not read the end either: without a time the connection, and its place among the others, were his for ever. */
function endWithin(response: Outgoing): void {
  const enough = setTimeout(() => response.destroy(), LINGER_MS).unref()
  response.once('close', () => clearTimeout(enough))
  response.end()
}

function drained(response: Outgoing): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
