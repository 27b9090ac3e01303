// What a child process says it was promised, before it can be killed: written at once, not queued in the process that dies.
import { writeSync } from 'node:fs'

const STDOUT = 1

/** One line. Waits where the reader is behind: the pipe is full and says EAGAIN. */
export function acknowledge(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  let written = 0
  while (written < bytes.length) {
    try {
      written += writeSync(STDOUT, bytes, written)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      Atomics.wait(PAUSE, 0, 0, 1)
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4))
