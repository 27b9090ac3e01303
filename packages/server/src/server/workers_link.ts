// What the supervising process and its workers say to each other over the channel between them, and the worker's side of it.
import type { Readiness } from './management.ts'
import type { MetricsSnapshot } from './metrics.ts'

export type ToWorker = { readonly kind: 'ask'; readonly id: number } | { readonly kind: 'stop' }

export type FromWorker =
  /** It answers requests. */
  | { readonly kind: 'started' }
  | { readonly kind: 'answer'; readonly id: number; readonly readiness: Readiness; readonly metrics: MetricsSnapshot }

/** Whether each worker listens by itself on the port they share. Where the system has no such thing they share what the supervisor opened. */
export const LISTENS_ALONE = process.platform === 'linux'

/** What a worker is told by its environment, beside what the operator set. */
export const WORKER_VARIABLES = {
  /** Of all workers, found by the supervisor. */
  port: 'COUNTERSIGN_WORKER_PORT',
  /** Of the demo's sample API; '' without. */
  upstream: 'COUNTERSIGN_WORKER_UPSTREAM',
} as const

interface Working {
  readonly ready: () => Promise<Readiness>
  readonly metrics: () => MetricsSnapshot
}

/** Tells the supervisor that this worker serves, and answers it from then on. Resolves when this worker is to stop. */
export function workFor(supervisor: Pick<NodeJS.Process, 'on' | 'send'>, { ready, metrics }: Working): Promise<void> {
  // Whoever is gone needs no answer: without its supervisor a worker ends by itself.
  const tell = (message: FromWorker): void => void supervisor.send?.(message, undefined, undefined, () => undefined)
  return new Promise((resolve) => {
    supervisor.on('message', (message: ToWorker) => {
      if (message.kind === 'stop') return resolve()
      void ready().then((readiness) => tell({ kind: 'answer', id: message.id, readiness, metrics: metrics() }))
    })
    // A terminal sends Ctrl-C to every process of the group: the supervisor says when to stop.
    supervisor.on('SIGINT', () => undefined)
    supervisor.on('SIGTERM', () => resolve())
    tell({ kind: 'started' })
  })
}
