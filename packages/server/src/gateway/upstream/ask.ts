// What an upstream is asked, and who hears what comes of it.
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { AnswerHead } from './answer_head.ts'

export interface Ask {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** `[name, value, name, value ...]`, names in lower case; without Host and all that is the connection's own. */
  readonly fields: readonly string[]
  /** Sent as it comes: in chunks where no `content-length` is among the fields. It is paused and let go, never destroyed. */
  readonly body: Readable | undefined
  /** One token: the protocol that the connection shall switch to. */
  readonly protocol: string | undefined
}

/** Told of its end exactly once: by `onData` with `isLast`, `onEnd`, `onSwitch` or `onError`; never after `Line.drop`. */
export interface AskListener {
  /** A connection is there; what is asked leaves on it now. @returns false: nobody wants it any more */
  readonly onLine: (line: Line) => boolean
  readonly onBodySent: (bytes: number) => void
  /** The first byte of an answer has come: it was received, and may have been acted upon. */
  readonly onBegun: () => void
  readonly onHead: (head: AnswerHead) => void
  /** All that has come so far was told, and it is not the end. */
  readonly onLull: () => void
  readonly onData: (piece: Buffer, isLast: boolean) => void
  readonly onEnd: () => void
  /** The connection is the listener's from now on; it is paused. */
  readonly onSwitch: (head: AnswerHead, socket: Socket) => void
  readonly onError: (error: Error) => void
}

/** To steer by. */
export interface Line {
  /** Ends the connection; nobody is told. */
  readonly drop: () => void
  readonly pause: () => void
  readonly resume: () => void
}

/** `UPSTREAM_TIMEOUT`: no connection, no answer, or no more of it in time. `UPSTREAM_CLOSED`: the connection ended before the answer did. */
export class UpstreamFailed extends Error {
  readonly code: 'UPSTREAM_TIMEOUT' | 'UPSTREAM_CLOSED'

  constructor(code: UpstreamFailed['code']) {
    super(code === 'UPSTREAM_TIMEOUT' ? 'the upstream took too long' : 'the upstream ended the connection')
    this.code = code
  }
}
