// Upstreams that are played byte by byte, and requests to them whose every call is heard.

import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { AnswerHead } from '../../../src/gateway/upstream/answer_head.ts'
import type { Ask, AskListener, Line } from '../../../src/gateway/upstream/ask.ts'
import type { Upstream, UpstreamOptions } from '../../../src/gateway/upstream/upstream.ts'
import { openUpstream } from '../../../src/gateway/upstream/upstream.ts'

export interface Outcome {
  readonly how: 'answered' | 'failed' | 'switched'
  readonly status: number
  readonly body: string
  readonly error: (Error & { code?: string }) | undefined
  readonly socket: Socket | undefined
}

/** A request on its way. */
export interface Asking extends Ask, AskListener {
  /** In order: `line`, `begun`, `head`, `data`, and how it ended. Two ends would be two words. */
  readonly calls: string[]
  sent: number
  line: Line | undefined
  readonly ended: Promise<Outcome>
  readonly begun: Promise<void>
}

export interface Wish extends Partial<Ask> {
  readonly onLine?: (line: Line) => boolean
  readonly onHead?: (head: AnswerHead) => void
  readonly onData?: (piece: Buffer, isLast: boolean) => void
  readonly onEnd?: () => void
  readonly onSwitch?: (head: AnswerHead, socket: Socket) => void
}

export function asking(wish: Wish = {}): Asking {
  const { onLine, onHead, onData, onEnd, onSwitch, ...ask } = wish
  let status = 0
  let body = ''
  const ended = Promise.withResolvers<Outcome>()
  const begun = Promise.withResolvers<void>()
  const end = (how: Outcome['how'], error?: Error, socket?: Socket): void => {
    one.calls.push(how)
    ended.resolve({ how, status, body, error, socket })
  }
  const one: Asking = {
    method: 'GET',
    path: '/',
    fields: [],
    body: undefined,
    protocol: undefined,
    ...ask,
    calls: [],
    sent: 0,
    line: undefined,
    ended: ended.promise,
    begun: begun.promise,
    onLine(line) {
      one.calls.push('line')
      one.line = line
      return onLine?.(line) ?? true
    },
    onBodySent(bytes) {
      one.sent += bytes
    },
    onBegun() {
      one.calls.push('begun')
      begun.resolve()
    },
    onLull: () => undefined,
    onHead(head) {
      one.calls.push('head')
      status = head.status
      onHead?.(head)
    },
    onData(piece, isLast) {
      one.calls.push('data')
      body += piece.toString('latin1')
      if (isLast) end('answered')
      onData?.(piece, isLast)
    },
    onEnd() {
      end('answered')
      onEnd?.()
    },
    onSwitch(head, socket) {
      status = head.status
      end('switched', undefined, socket)
      onSwitch?.(head, socket)
    },
    onError: (error) => end('failed', error),
  }
  return one
}

/** Sends it, and tells how it ended. */
export function send(upstream: Upstream, wish: Wish = {}): Promise<Outcome> {
  const one = asking(wish)
  upstream.send(one)
  return one.ended
}

export const open = (origin: string, options: Partial<UpstreamOptions> = {}): Upstream =>
  openUpstream(origin, { timeoutMs: 5_000, nowMs: () => performance.now(), ...options })

export const OK = 'HTTP/1.1 200 OK\r\n'
export const answerOf = (body: string, ...fields: string[]): string =>
  `${OK}${fields.map((one) => `${one}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`

/** Everything that waits for its turn, and for the turn after, has had it. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i += 1) await turn()
}

/** However it ends: a reset is an end, too. */
export async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.resume().once('close', () => resolve())
  await promise
}
