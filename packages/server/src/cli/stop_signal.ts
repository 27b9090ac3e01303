// SIGTERM and SIGINT: the first asks to stop, the second does not wait. Under npm the end of its shell asks to stop too.
import type { EventEmitter } from 'node:events'

export interface SignalSource extends Pick<EventEmitter, 'on'> {
  exit(code: number): void
  /** Process id of the parent, as it is now. */
  readonly ppid: number
  readonly env: Readonly<Record<string, string | undefined>>
}

/** npm passes on a Ctrl-C that the terminal has sent to the whole group already: within this time it is the same key. */
const SAME_KEY_MS = 250
const LOOK_MS = 250

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
    // Whoever ends `npm start` by its process id ends npm and the shell in between, which passes nothing on.
    if (source.env['npm_lifecycle_event'] !== undefined) onOrphaned(source, () => first === undefined && onSignal('SIGTERM'))
  })
}

function onOrphaned(source: SignalSource, act: () => void): void {
  const parent = source.ppid
  const timer = setInterval(() => {
    if (source.ppid === parent) return
    clearInterval(timer)
    act()
  }, LOOK_MS).unref()
}
