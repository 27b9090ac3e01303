// SQLite's write-ahead log, flushed off the event loop: one flush under way at most, and one more for all that was committed meanwhile.
import { closeSync, fdatasync, openSync } from 'node:fs'
import { asStoreError } from './sqlite_error.ts'

export interface LogFile {
  /** Resolves once a flush that began after this call has ended. Rejects with StoreUnavailable. */
  flush(): Promise<void>
  close(): void
}

/** How a file is flushed; another one in tests. */
export type Fdatasync = (file: number, done: (error: Error | null) => void) => void

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** @param place names the database in an error */
export const openLogFile = (path: string, place: string, sync: Fdatasync = fdatasync): LogFile => {
  const file = openSync(path, 'r+')
  let underWay = false
  let waiting: Waiting[] = []

  const begin = (): void => {
    const served = waiting
    waiting = []
    underWay = true
    sync(file, (error) => {
      underWay = false
      for (const one of served) {
        if (error === null) one.resolve()
        else one.reject(asStoreError(error, place))
      }
      if (waiting.length > 0) begin()
    })
  }

  return {
    flush: () =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        if (!underWay) begin()
      }),
    close: () => closeSync(file),
  }
}
