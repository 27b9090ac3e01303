// The chunked transfer coding, taken off. RFC 9112 section 7.1. Extensions and trailers are read past: nobody here asked for them.
import { BadAnswer } from './answer_head.ts'

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"'
/** With its extensions; without the blanks that they may have: others refuse those. */
const SIZE = new RegExp(`^([0-9A-Fa-f]{1,8})(?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*$`)
/** None that would frame the message: behind it, that is either late or another's. */
const TRAILER = new RegExp(`^(?:(?!(?:content-length|transfer-encoding):)${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*)?$`, 'i')
const LONGEST_LINE = 4096
const MOST_TRAILERS = 16_384
const LF = 0x0a
const CR = 0x0d

type Part = 'size' | 'data' | 'behind_data' | 'trailers' | 'over'

/** One body. Made anew for each. */
export class Chunks {
  #part: Part = 'size'
  /** Bytes of the chunk still to come. */
  #left = 0
  /** A line whose end has not come. */
  #line = ''
  #trailers = 0

  get isOver(): boolean {
    return this.#part === 'over'
  }

  /**
   * @param from where to read on
   * @param tell told of each piece of the body; false: nobody wants more
   * @returns how far it was read: to the end of `bytes`, or of the body
   * @throws BadAnswer
   */
  read(bytes: Buffer, from: number, tell: (piece: Buffer) => boolean): number {
    let at = from
    while (at < bytes.length && this.#part !== 'over') {
      if (this.#part !== 'data') {
        at = this.#readLine(bytes, at)
        continue
      }
      const end = Math.min(bytes.length, at + this.#left)
      const piece = bytes.subarray(at, end)
      this.#left -= piece.length
      at = end
      if (this.#left === 0) this.#part = 'behind_data'
      if (!tell(piece)) return at
    }
    return at
  }

  #readLine(bytes: Buffer, from: number): number {
    const lf = bytes.indexOf(LF, from)
    const end = lf < 0 ? bytes.length : lf + 1
    if (this.#line.length + end - from > LONGEST_LINE) throw new BadAnswer('a line between chunks that is too long')
    this.#line += bytes.toString('latin1', from, end)
    if (lf >= 0) {
      const line = this.#line
      this.#line = ''
      if (line.charCodeAt(line.length - 2) !== CR) throw new BadAnswer('a line between chunks that does not end as it must')
      this.#take(line.slice(0, -2))
    }
    return end
  }

  #take(line: string): void {
    if (this.#part === 'behind_data') {
      if (line !== '') throw new BadAnswer('a chunk longer than it said')
      this.#part = 'size'
    } else if (this.#part === 'size') {
      const size = SIZE.exec(line)?.[1]
      if (size === undefined) throw new BadAnswer('a chunk without a size')
      this.#left = Number.parseInt(size, 16)
      this.#part = this.#left === 0 ? 'trailers' : 'data'
    } else {
      this.#trailers += line.length
      if (this.#trailers > MOST_TRAILERS || !TRAILER.test(line)) throw new BadAnswer('trailers that are none, or too many')
      if (line === '') this.#part = 'over'
    }
  }
}
