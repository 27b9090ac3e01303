// Whether this process can do its work, check by check, and that it says so in time when it ends.
import type { Server } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { RealmContext } from '../issue/context.ts'
import type { Store } from '../model/store.ts'
import type { Readiness } from './management.ts'
import { runChecks } from './management.ts'
import type { Metrics } from './metrics.ts'
import { measureConnections, measureKeys, watchEventLoop } from './metrics_process.ts'
import { DRAIN_MS } from './public_listener.ts'

export interface HealthOptions {
  readonly metrics: Metrics
  readonly listener: Server
  readonly store: Pick<Store, 'ready'>
  /** Undefined while the server is starting. */
  readonly contexts: () => readonly RealmContext[] | undefined
  /** Epoch seconds. */
  readonly now: () => number
}

export interface ProcessHealth {
  readonly ready: () => Promise<Readiness>
  /** From now on it is not ready. Resolves after the delay, with the milliseconds that are left for draining. */
  readonly leave: (milliseconds: number) => Promise<number>
}

/** More realms' keys are not looked at: a check must not cost what it protects. */
const MOST_REALMS = 32

export function createHealth({ metrics, listener, store, contexts, now }: HealthOptions): ProcessHealth {
  const eventLoop = watchEventLoop(metrics)
  measureConnections(metrics, listener)
  measureKeys(metrics, () => contexts() ?? [], now)
  let leaving = false
  return {
    ready: () =>
      runChecks({
        draining: () => {
          if (leaving) throw new Error('The server was told to end.')
        },
        started: () => {
          if (!contexts()) throw new Error('The server is starting.')
        },
        store: () => store.ready(),
        signing_keys: () => Promise.all((contexts() ?? []).slice(0, MOST_REALMS).map(async ({ keys }) => keys.signer())),
        event_loop: eventLoop.check,
      }),
    async leave(milliseconds) {
      leaving = true
      eventLoop.stop()
      if (milliseconds > 0) await delay(milliseconds)
      return DRAIN_MS - milliseconds
    },
  }
}
