// What is measured of the process itself and of its database: memory, processor, event loop, connections, log lines lost, signing keys,
// commits. Read when somebody asks, so that it costs nothing meanwhile.
import type { Server } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { RealmContext } from '../issue/context.ts'
import { signingKeyAt } from '../issue/keys/timeline.ts'
import { StoreUnavailable } from '../model/store.ts'
import type { Sql } from '../store/sql.ts'
import type { LogSink } from './log_sink.ts'
import type { GaugeReading, Metrics } from './metrics.ts'
import { observe } from './metrics.ts'
import type { Report } from './refusal.ts'

const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

export interface EventLoopWatch {
  /** @throws Error with a sentence if it was held up for long lately */
  readonly check: () => void
  readonly stop: () => void
}

/** Whoever waits longer than this for a turn is better served elsewhere. */
const STUCK_SECONDS = 2
/** How far back is looked, at least. */
const LATELY_MS = 10_000

export function watchEventLoop(metrics: Metrics): EventLoopWatch {
  const since = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  since.enable()
  let worstBefore = 0
  const turn = setInterval(() => {
    worstBefore = secondsOf(since, 100)
    since.reset()
  }, LATELY_MS).unref()
  const quantile = (percent: number): GaugeReading => ({
    labels: { quantile: `${percent / 100}` },
    value: secondsOf(since, percent),
  })
  metrics.gauge(
    'countersign_event_loop_delay_seconds',
    'How late the event loop was in the last seconds, by quantile.',
    () => [quantile(50), quantile(99), quantile(100)],
    { together: 'max' },
  )
  return {
    check() {
      const worst = Math.max(secondsOf(since, 100), worstBefore)
      if (worst > STUCK_SECONDS) throw new Error(`The event loop was held up for ${worst.toFixed(1)} s within the last seconds.`)
    },
    stop() {
      clearInterval(turn)
      since.disable()
    },
  }
}

/** Its figures hold the resolution, which is no delay. */
function secondsOf(histogram: ReturnType<typeof monitorEventLoopDelay>, percent: number): number {
  if (histogram.count === 0) return 0
  const value = percent === 100 ? histogram.max : histogram.percentile(percent)
  return Math.max(0, value / NANOSECONDS - RESOLUTION_MS / 1000)
}

export function measureProcess(metrics: Metrics, logs: readonly LogSink[]): void {
  const one = (value: number): GaugeReading[] => [{ value }]
  metrics.gauge('process_resident_memory_bytes', 'Memory of the process.', () => one(process.memoryUsage.rss()))
  metrics.gauge('process_heap_bytes', 'JavaScript heap in use.', () => one(process.memoryUsage().heapUsed))
  const processor = () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / 1e6)
  }
  metrics.gauge('process_cpu_seconds_total', 'Processor time used, user and system.', processor, { type: 'counter' })
  metrics.gauge('process_uptime_seconds', 'Since the process was started.', () => one(process.uptime()), { together: 'min' })
  const dropped = () => one(logs.reduce((sum, log) => sum + log.dropped(), 0))
  metrics.gauge('countersign_log_lines_dropped_total', 'Log lines that nobody read in time.', dropped, { type: 'counter' })
}

/** The operator's voice of work beside the requests, counted: each failure is told when it begins, not each time. */
export function countFailures(metrics: Metrics, report: Report): Report {
  const failures = metrics.counter('countersign_background_failures_total', 'Background work that began to fail.')()
  return (error, what) => {
    failures.value += 1
    report(error, what)
  }
}

export function measureConnections(metrics: Metrics, listener: Server): void {
  let open = 0
  listener.on('connection', (socket) => {
    open += 1
    socket.once('close', () => {
      open -= 1
    })
  })
  metrics.gauge('countersign_connections', 'Open connections of the public listener.', () => [{ value: open }])
}

/** More realms than these have none: a page of figures has an end. */
const MOST_REALMS = 1000

/** Of the keys that this process has read. @param contexts asked when somebody reads. @param now epoch seconds */
export function measureKeys(metrics: Metrics, contexts: () => readonly RealmContext[], now: () => number): void {
  const each = (value: (context: RealmContext, activeAt: number) => number | null): GaugeReading[] =>
    contexts()
      .slice(0, MOST_REALMS)
      .flatMap((context) => {
        const { realm, keys } = context
        const signing = signingKeyAt(keys.known(), realm.algorithm, now())
        const read = signing && value(context, signing.activeAt)
        return read === undefined || read === null ? [] : [{ labels: { realm: realm.id }, value: read }]
      })
  metrics.gauge(
    'countersign_signing_key_age_seconds',
    'Since the signing key of a realm began to sign.',
    () => each((_context, activeAt) => now() - activeAt),
    { together: 'max' },
  )
  metrics.gauge(
    'countersign_signing_key_next_rotation_seconds',
    'Until another key signs; below zero: it is overdue. Realms that rotate by hand have none.',
    () => each(({ realm }, activeAt) => realm.keyRotation.every && activeAt + realm.keyRotation.every - now()),
    { together: 'min' },
  )
}

/** Seconds. */
const COMMITS = [0.000_1, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

/** The same database, watched: how long writes take until they are durable, and whether it can be reached. */
export function measureSql(metrics: Metrics, sql: Sql, nowMs: () => number): Sql {
  const seconds = metrics.histogram('countersign_database_write_duration_seconds', 'From a write to its being durable.', COMMITS)()
  const failures = metrics.counter('countersign_database_failures_total', 'Reads and writes the database did not answer.')()
  let up = 1
  metrics.gauge('countersign_database_up', 'Whether the database answered when it was last asked (1 or 0).', () => [{ value: up }], {
    together: 'min',
  })
  const settled = <T>(answer: Promise<T>): Promise<T> => {
    answer.then(
      () => {
        up = 1
      },
      (error: unknown) => {
        if (!(error instanceof StoreUnavailable) || sql.isClosed()) return
        up = 0
        failures.value += 1
      },
    )
    return answer
  }
  const timed = async (durable: Promise<unknown>, began: number): Promise<void> => {
    await durable
    observe(seconds, (nowMs() - began) / 1000)
  }
  return {
    ...sql,
    read: (asked) => settled(sql.read(asked)),
    write: (unit) => {
      const answer = sql.write(unit)
      timed(answer, nowMs()).catch(() => undefined)
      return settled(answer)
    },
    commit: (unit) => {
      const began = nowMs()
      const answer = sql.commit(unit)
      answer.then(({ durable }) => timed(durable, began)).catch(() => undefined)
      return settled(answer)
    },
  }
}
