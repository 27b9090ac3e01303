// A word on standard error while something takes longer than two seconds, for the person at a terminal; a script's logs get none.
import type { World } from './command.ts'

const PATIENCE_MS = 2000

/** The same fetch, which says whom it waits for. Only the host is named: a path or a query may be nobody's business. */
export function patientFetch(fetch: typeof globalThis.fetch, stderr: World['stderr']): typeof globalThis.fetch {
  if (!isTerminal(stderr)) return fetch
  return async (input, init) => {
    const { host } = new URL(urlOf(input))
    const timer = setTimeout(() => stderr.write(`callsign: waiting for ${host} ...\n`), PATIENCE_MS)
    try {
      return await fetch(input, init)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Of whatever fetch takes. */
export function urlOf(input: Parameters<typeof globalThis.fetch>[0]): string {
  if (typeof input === 'string') return input
  return 'href' in input ? input.href : input.url
}

/** Counts what passes, and tells it once a second after the first two. */
export function counting(
  stderr: World['stderr'],
  now: () => number,
): { readonly count: (bytes: number) => void; readonly end: () => void } {
  if (!isTerminal(stderr)) return { count: () => undefined, end: () => undefined }
  let [total, told] = [0, now() + PATIENCE_MS / 1000]
  let shown = false
  return {
    count(bytes) {
      total += bytes
      if (now() < told) return
      told = now() + 1
      shown = true
      stderr.write(`\r${(total / 1e6).toFixed(1)} MB `)
    },
    end() {
      if (shown) stderr.write('\n')
    },
  }
}

function isTerminal(stream: World['stderr']): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}
