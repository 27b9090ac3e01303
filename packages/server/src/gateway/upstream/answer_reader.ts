// One answer from the bytes of a connection, in pieces as they come: head, body, end. Owns no socket: bytes in, calls out.
import type { AnswerHead, Framing } from './answer_head.ts'
import { BadAnswer, readHead } from './answer_head.ts'
import { Chunks } from './chunks.ts'

export interface AnswerListener {
  /** Once, with the last head: those with 1xx before it are read past. */
  readonly onHead: (head: AnswerHead) => void
  /** @param isLast nothing comes behind it, not even `onEnd` */
  readonly onData: (piece: Buffer, isLast: boolean) => void
  readonly onEnd: () => void
  /** 101 with what came behind it: from here on it is another protocol. */
  readonly onSwitch: (head: AnswerHead, rest: Buffer) => void
}

export interface Asked {
  readonly method: string
  /** Whether 101 is an answer. */
  readonly switches: boolean
}

const HEAD_END = Buffer.from('\r\n\r\n')
const BEGINNING = 'HTTP/1.'
const LONGEST_HEAD = 32_768
const MOST_HINTS = 16
const NOTHING = Buffer.alloc(0)

export class AnswerReader {
  readonly #asked: Asked
  readonly #listener: AnswerListener
  /** Of a head whose end has not come. */
  #pending: Buffer = NOTHING
  #hints = 0
  #framing: Framing | undefined
  #chunks: Chunks | undefined
  #isOver = false

  constructor(asked: Asked, listener: AnswerListener) {
    this.#asked = asked
    this.#listener = listener
  }

  /** The answer has ended, or nobody wants the rest. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Calls nobody any more. */
  stop(): void {
    this.#isOver = true
  }

  /**
   * @returns how far it was read: what is left belongs to no answer that was asked for
   * @throws BadAnswer
   */
  read(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length && !this.#isOver) at = this.#framing === undefined ? this.#readHead(bytes, at) : this.#readBody(bytes, at)
    return at
  }

  /** The upstream has ended the connection. @returns false: that breaks the answer off */
  close(): boolean {
    if (this.#framing === 'until_close') this.#end()
    return this.#isOver
  }

  #readHead(bytes: Buffer, from: number): number {
    const before = this.#pending.length
    const all = before === 0 ? bytes : Buffer.concat([this.#pending, bytes.subarray(from)])
    const start = before === 0 ? from : 0
    // The end may have begun in what came before.
    const end = all.indexOf(HEAD_END, Math.max(start, before - HEAD_END.length + 1))
    // All but the last of its four bytes may have come.
    const length = (end < 0 ? all.length - HEAD_END.length + 1 : end) - start
    if (length > LONGEST_HEAD) throw new BadAnswer('a head that is too long')
    if (end < 0) {
      // Another protocol may never send the end of a head.
      if (!BEGINNING.startsWith(all.toString('latin1', start, start + BEGINNING.length))) throw new BadAnswer('no HTTP/1')
      this.#pending = all.subarray(start)
      return bytes.length
    }
    this.#pending = NOTHING
    const next = end + HEAD_END.length - (before === 0 ? 0 : before - from)
    return this.#takeHead(readHead(all.toString('latin1', start, end), this.#asked.method), bytes, next)
  }

  #takeHead(head: AnswerHead, bytes: Buffer, next: number): number {
    if (head.status === 101) {
      if (!this.#asked.switches) throw new BadAnswer('a protocol that nobody asked for')
      this.#isOver = true
      this.#listener.onSwitch(head, bytes.subarray(next))
      return bytes.length
    }
    if (head.status < 200) {
      this.#hints += 1
      if (this.#hints > MOST_HINTS) throw new BadAnswer('hints without end')
    } else {
      this.#framing = head.framing
      if (head.framing === 'chunked') this.#chunks = new Chunks()
      this.#listener.onHead(head)
      if (head.framing === 0) this.#end()
    }
    return next
  }

  #readBody(bytes: Buffer, from: number): number {
    if (this.#chunks) return this.#readChunks(this.#chunks, bytes, from)
    if (typeof this.#framing !== 'number') {
      this.#listener.onData(bytes.subarray(from), false)
      return bytes.length
    }
    const end = Math.min(bytes.length, from + this.#framing)
    this.#framing -= end - from
    if (this.#framing === 0) this.#isOver = true
    this.#listener.onData(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end), this.#framing === 0)
    return end
  }

  #readChunks(chunks: Chunks, bytes: Buffer, from: number): number {
    const at = chunks.read(bytes, from, (piece) => {
      this.#listener.onData(piece, false)
      return !this.#isOver
    })
    if (chunks.isOver) this.#end()
    return at
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.onEnd()
  }
}
