// Reads from PostgreSQL: a few connections, each with many questions under way. A read whose connection breaks is asked again, once.
import { StoreUnavailable } from '../../model/store.ts'
import type { Query } from '../sql.ts'
import type { Whose } from './postgres_error.ts'
import { asStoreError, endsLink, isAnswer, isConflict, isTimeout } from './postgres_error.ts'
import type { Answer, Keeper } from './postgres_link.ts'

export interface Readers {
  read<T>(asked: Query<T>): Promise<T>
  close(): Promise<void>
}

interface Reader {
  readonly keeper: Keeper
  underWay: number
}

/** Questions under way on a connection before another is opened. */
const CROWDED = 4

export const createReaders = (makeKeeper: () => Keeper, most: number, whose: Whose): Readers => {
  const readers: Reader[] = []

  const choose = (): Reader => {
    let best: Reader | undefined
    for (const one of readers) if (best === undefined || one.underWay < best.underWay) best = one
    if (best !== undefined && (best.underWay < CROWDED || readers.length >= most)) return best
    const made = { keeper: makeKeeper(), underWay: 0 }
    readers.push(made)
    return made
  }

  const ask = async (asked: Query<unknown>): Promise<Answer> => {
    const reader = choose()
    reader.underWay += 1
    try {
      const link = await reader.keeper.get()
      try {
        return await link.run(asked)
      } catch (error) {
        if (endsLink(error)) link.destroy()
        throw error
      }
    } finally {
      reader.underWay -= 1
    }
  }

  const again = (error: unknown): boolean =>
    !(error instanceof StoreUnavailable) && ((!isAnswer(error) && !isTimeout(error)) || endsLink(error) || isConflict(error))

  return {
    read: async (asked) => {
      try {
        const { rows } = await ask(asked).catch((error: unknown) => {
          if (again(error)) return ask(asked)
          throw error
        })
        return asked.read(rows)
      } catch (error) {
        throw asStoreError(error, whose)
      }
    },
    close: async () => {
      await Promise.all(readers.map(({ keeper }) => keeper.close()))
    },
  }
}
