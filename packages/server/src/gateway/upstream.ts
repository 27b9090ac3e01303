// One upstream: a pool of connections, and the count of what is under way on them.
// The only file that knows undici; loaded with the first request, so that a process that only issues does without it.
import type { Dispatcher } from 'undici'
import { Pool } from 'undici'

export interface Upstream {
  /** The handler is told of its end exactly once, and then calls `release`. */
  readonly dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => void
  readonly release: () => void
  /** Every connection is taken: what comes now waits for one. */
  readonly isCrowded: () => boolean
  /** So many wait that the next is better told to come again. */
  readonly isFull: () => boolean
  /** Whether a GET is answered with 2xx or 3xx, on a connection of its own: a busy upstream may be well. */
  readonly isWell: (path: string, timeoutMs: number) => Promise<boolean>
  /** Resolves when what is under way has ended. */
  readonly close: () => Promise<void>
}

const CONNECTIONS = 256
const MOST_WAITING = 1024
const CONNECT_TIMEOUT_MS = 5_000

/** @param origin `http://127.0.0.1:9000`. @param timeoutMs until an answer begins, and between two pieces of it */
export function openUpstream(origin: string, timeoutMs: number): Upstream {
  const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs) } }
  const pool = new Pool(origin, { connections: CONNECTIONS, ...times })
  let probe: Pool | undefined
  let underWay = 0
  return {
    dispatch(options, handler) {
      underWay += 1
      pool.dispatch(options, handler)
    },
    release: () => (underWay -= 1),
    isCrowded: () => underWay >= CONNECTIONS,
    isFull: () => underWay >= CONNECTIONS + MOST_WAITING,
    async isWell(path, within) {
      probe ??= new Pool(origin, { connections: 1, ...times })
      const { statusCode, body } = await probe.request({ method: 'GET', path, signal: AbortSignal.timeout(within) })
      await body.dump()
      return statusCode >= 200 && statusCode < 400
    },
    close: async () => {
      await Promise.all([pool.close(), probe?.destroy()])
    },
  }
}
