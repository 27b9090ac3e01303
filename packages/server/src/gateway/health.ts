// Whether an upstream is well, asked of itself: three failures in a row and requests are refused at once, one success and they are not.
// Asked only while there is traffic: an API that nobody calls is left alone. Owns no HTTP.

export interface Health {
  /** Asked at each request, which is the traffic. */
  readonly isUnwell: () => boolean
  readonly close: () => void
}

export interface HealthOptions {
  /** Asks the upstream; false or a rejection is a failure. It must end by itself. */
  readonly ask: () => Promise<boolean>
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number
  readonly everyMs?: number
  /** Without a request for so long it is asked no more. */
  readonly idleMs?: number
}

const FAILURES = 3

export function watchHealth({ ask, nowMs, everyMs = 5_000, idleMs = 60_000 }: HealthOptions): Health {
  let failures = 0
  let lastRequest = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const look = async (): Promise<void> => {
    const well = await ask().catch(() => false)
    if (closed) return
    failures = well ? 0 : failures + 1
    timer = undefined
    if (nowMs() - lastRequest <= idleMs) return schedule()
    // Nobody asks any more: what is known now will be old when somebody does.
    failures = 0
  }
  const schedule = (): void => {
    timer ??= setTimeout(() => void look(), everyMs).unref()
  }
  return {
    isUnwell() {
      lastRequest = nowMs()
      if (timer === undefined && !closed) schedule()
      return failures >= FAILURES
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
