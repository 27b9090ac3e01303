// What a failure of SQLite or of the file system means to an operator: one sentence with the path and the mend. Other errors pass through.
import { StoreUnavailable } from '../../model/store.ts'

/** `error` itself unless it says that the database cannot be read or written. `place` is a path or `:memory:`. */
export const asStoreError = (error: unknown, place: string): unknown => {
  if (!(error instanceof Error)) return error
  const sentence = 'errcode' in error && typeof error.errcode === 'number' ? SQLITE[error.errcode & 0xff] : fileSentence(error)
  return sentence === undefined ? error : new StoreUnavailable(sentence(place), { cause: error })
}

type Sentence = (place: string) => string

export const lockedSentence: Sentence = (place) => `${place} is locked by another program: let it finish or stop it.`
export const notOursSentence: Sentence = (place) => `${place} is not a Countersign database: move it away or choose another data folder.`
export const closedSentence: Sentence = (place) => `${place} was closed: this program is shutting down.`

const fullSentence: Sentence = (place) => `There is no space left for ${place}: free some on its disk.`
const deniedSentence: Sentence = (place) => `${place} cannot be written: give this user write permission or choose another data folder.`
const openSentence: Sentence = (place) => `${place} cannot be opened: check that it is a file in a folder this user may write to.`
const damagedSentence: Sentence = (place) => `${place} is damaged: restore it from a backup.`
const diskSentence: Sentence = (place) => `${place} cannot be read or written: check its disk.`
const memorySentence: Sentence = (place) => `There is not enough memory to use ${place}: give this program more.`

/** By SQLite's primary result code. */
const SQLITE: Readonly<Record<number, Sentence>> = {
  3: deniedSentence, // PERM
  5: lockedSentence, // BUSY
  6: lockedSentence, // LOCKED
  7: memorySentence, // NOMEM
  8: deniedSentence, // READONLY
  10: diskSentence, // IOERR
  11: damagedSentence, // CORRUPT
  13: fullSentence, // FULL
  14: openSentence, // CANTOPEN
  15: lockedSentence, // PROTOCOL
  26: notOursSentence, // NOTADB
}

const FILE: Readonly<Record<string, Sentence>> = {
  EACCES: deniedSentence,
  EPERM: deniedSentence,
  EROFS: deniedSentence,
  ENOSPC: fullSentence,
  EDQUOT: fullSentence,
  EIO: diskSentence,
}

/** A failed system call always carries a code; what it says beyond permissions and space, the operator sees at the path itself. */
const fileSentence = (error: Error): Sentence | undefined =>
  'syscall' in error && 'code' in error && typeof error.code === 'string' ? (FILE[error.code] ?? openSentence) : undefined

/** Undefined if another process is in the way. */
export const unlessBusy = <T>(act: () => T): T | undefined => {
  try {
    return act()
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === BUSY)
      return undefined
    throw error
  }
}

const BUSY = 5
