// What a start that takes long says of itself, so that nobody takes it for dead. A start as usual says nothing.
import type { Progress } from '../config/config.ts'

/** Until the first sentence, and between two. Milliseconds. */
const PATIENCE = 2000

/** @param err standard error. @param ticks milliseconds of a clock that nobody sets */
export function startProgress(err: (text: string) => void, ticks: () => number): Progress {
  let saidAt = ticks()
  return (what, done, all) => {
    const now = ticks()
    if (now - saidAt < PATIENCE || done === all) return
    saidAt = now
    err(`starting: ${done.toLocaleString('en-US')} of ${all.toLocaleString('en-US')} ${what}\n`)
  }
}
