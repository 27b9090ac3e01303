// Much work of one kind, a few at once: a database over the network is kept busy, memory does not grow with how much there is, and the event
// loop goes on meanwhile.
import { setImmediate as turn } from 'node:timers/promises'

/** Pieces under way at once, and between two turns of the event loop: what is read from memory or a file never waits by itself. */
const TOGETHER = 64

/** Rejects with the first failure; pieces that are under way then end by themselves, and no further one begins. */
export async function eachTogether<Piece>(pieces: readonly Piece[], act: (piece: Piece, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < pieces.length; index = next++) {
      const piece = pieces[index]
      try {
        if (piece !== undefined) await act(piece, index)
      } catch (error) {
        next = pieces.length
        throw error
      }
      if (index % TOGETHER === 0) await turn()
    }
  }
  await Promise.all(Array.from({ length: Math.min(TOGETHER, pieces.length) }, work))
}
