// Where lines of the operator's log go: written beside the event loop, in order, and never more of them waiting than fits. Lines that do
// not are dropped and counted: a log that nobody reads must not stop the answers or fill the memory.
import { write, writeSync } from 'node:fs'

export interface LogSink {
  /** @param line with its line end */
  readonly write: (line: string) => void
  /** Lines dropped so far. */
  readonly dropped: () => number
  /** What still waits, for the end of the process. */
  readonly flushSync: () => void
}

/** How bytes leave; another one in tests. */
export type WriteBytes = (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void

const MOST_WAITING = 4 * 1024 * 1024
/** A reader that is slow is asked again after so many milliseconds. */
const AGAIN_MS = 10

export function createLogSink(file: number, writeBytes: WriteBytes = (bytes, done) => write(file, bytes, done)): LogSink {
  let lines: string[] = []
  let waiting = 0
  let dropped = 0
  let told = 0
  let underWay: Buffer | undefined
  /** What is under way waits for a slow reader: no write has it in hand. */
  let stalled = false
  let scheduled = false

  const next = (): void => {
    scheduled = false
    if (underWay !== undefined || lines.length === 0) return
    underWay = Buffer.from(lines.join(''))
    lines = []
    waiting = 0
    attempt()
  }
  const attempt = (): void => {
    const bytes = underWay
    if (bytes === undefined) return
    stalled = false
    writeBytes(bytes, (error, written) => {
      if (error?.code === 'EAGAIN') {
        stalled = true
        return void setTimeout(attempt, AGAIN_MS).unref()
      }
      if (!error && written < bytes.length) {
        underWay = bytes.subarray(written)
        return attempt()
      }
      underWay = undefined
      if (dropped > told) tellDropped()
      next()
    })
  }
  const tellDropped = (): void => {
    const line = {
      time: new Date().toISOString(),
      level: 'notice',
      what: `${dropped - told} log lines were dropped: nobody read them in time`,
    }
    told = dropped
    lines.push(`${JSON.stringify(line)}\n`)
  }
  return {
    write(line) {
      if (waiting + line.length > MOST_WAITING) {
        dropped += 1
        return
      }
      lines.push(line)
      waiting += line.length
      if (scheduled || underWay !== undefined) return
      scheduled = true
      setImmediate(next)
    },
    dropped: () => dropped,
    flushSync() {
      const bytes = Buffer.concat([...(stalled && underWay ? [underWay] : []), Buffer.from(lines.join(''))])
      if (stalled) underWay = undefined
      lines = []
      waiting = 0
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
      } catch {
        // Nobody reads any more: there is no place left to say so.
      }
    },
  }
}
