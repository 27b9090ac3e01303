// Two sockets joined after 101 Switching Protocols: bytes both ways, unread, until either end goes; then both do. RFC 9110 section 7.8.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What the caller wants of the connection instead of an answer. */
export interface Upgrade {
  /** One token: `websocket`. */
  readonly protocol: string
  readonly socket: Socket
  /** What came behind the head of the request. */
  readonly head: Buffer
  /** Takes the connection from the answer that was going to leave on it. */
  readonly detach: () => void
}

export interface TunnelEnds {
  readonly caller: Socket
  /** What the caller had sent behind the head of its request. */
  readonly head: Buffer
  readonly upstream: Duplex
}

/** @param idleMs without a byte in either direction. @param ended told once, with the bytes of each direction. */
export function openTunnel(
  { caller, head, upstream }: TunnelEnds,
  idleMs: number,
  ended: (bytesIn: number, bytesOut: number) => void,
): void {
  let bytesIn = head.length
  let bytesOut = 0
  let open = 2
  caller.on('data', (chunk: Buffer) => (bytesIn += chunk.length))
  upstream.on('data', (chunk: Buffer) => (bytesOut += chunk.length))
  // A reset says no more than that this end is gone: `close` follows.
  for (const [one, other] of [
    [caller, upstream],
    [upstream, caller],
  ] as const) {
    one.on('error', () => undefined)
    // Half a tunnel is none: what was read on this side is let out to the other, and then both are gone.
    one.once('end', () => other.end(() => other.destroy()))
    one.once('close', () => {
      if (!one.readableEnded) other.destroy()
      if (--open === 0) ended(bytesIn, bytesOut)
    })
  }
  caller.setTimeout(idleMs, () => {
    caller.destroy()
    upstream.destroy()
  })
  if (head.length > 0) upstream.write(head)
  caller.pipe(upstream, { end: false })
  upstream.pipe(caller, { end: false })
}

/** Tells the caller that his connection is another protocol's from here on. */
export function answerSwitch(caller: Socket, fields: Readonly<Record<string, string | string[]>>): void {
  const lines = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`))
  caller.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`, 'latin1')
}
