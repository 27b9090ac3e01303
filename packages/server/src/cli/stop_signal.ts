// SIGTERM and SIGINT: the first asks to stop, the second does not wait.
import type { EventEmitter } from 'node:events'

export interface SignalSource extends Pick<EventEmitter, 'on'> {
  exit(code: number): void
}

/** npm passes on a Ctrl-C that the terminal has sent to the whole group already: within this time it is the same key. */
const SAME_KEY_MS = 250

/** Resolves at the first signal; at the second the process ends at once with code 1. */
export function stopSignal(source: SignalSource, nowMs: () => number = Date.now): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: { readonly signal: NodeJS.Signals; readonly at: number } | undefined
    const onSignal = (signal: NodeJS.Signals): void => {
      const at = nowMs()
      if (!first) {
        first = { signal, at }
        resolve(signal)
      } else if (signal !== 'SIGINT' || first.signal !== 'SIGINT' || at - first.at > SAME_KEY_MS) source.exit(1)
    }
    source.on('SIGINT', onSignal)
    source.on('SIGTERM', onSignal)
  })
}
