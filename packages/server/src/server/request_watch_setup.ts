// Puts together what is seen of requests, as the configuration has it: counters always, the log and traces where they are turned on.

import type { Outgoing } from '../gateway/messages.ts'
import type { Configuration } from '../model/configuration.ts'
import { isWatched } from './answer.ts'
import type { ClientAddress } from './client_address.ts'
import type { LogSink } from './log_sink.ts'
import { createLogSink } from './log_sink.ts'
import type { Metrics } from './metrics.ts'
import { measureProcess } from './metrics_process.ts'
import { createRequestMetrics } from './metrics_requests.ts'
import { stderrSink } from './operator_log.ts'
import { createRequestLog } from './request_log.ts'
import type { RequestWatch } from './request_watch.ts'
import { createRequestWatch } from './request_watch.ts'
import { openTracing } from './tracing.ts'

interface Surroundings extends ClientAddress {
  /** Epoch milliseconds. */
  readonly nowMs: () => number
}

/** @throws ConfigError where traces are on and their package is missing */
export async function watchRequests(
  metrics: Metrics,
  { telemetry }: Pick<Configuration, 'telemetry'>,
  { callerOf, isTrustedPeer, nowMs }: Surroundings,
): Promise<RequestWatch> {
  const sink = stdoutSink()
  measureProcess(metrics, [sink, stderrSink()])
  return createRequestWatch({
    metrics: createRequestMetrics(metrics),
    callerOf,
    isFromProxy: isTrustedPeer,
    log: telemetry.logRequests ? createRequestLog(sink, nowMs) : undefined,
    tracing: telemetry.traces ? await openTracing() : undefined,
    tracesJoinAnybody: telemetry.traceparent === 'anybody',
  })
}

/** '' for an answer that has no name. */
export function requestIdOf(response: Outgoing): string {
  return isWatched(response) ? response.requestId : ''
}

let stdout: LogSink | undefined

/** Of the whole process. */
function stdoutSink(): LogSink {
  if (stdout) return stdout
  const made = createLogSink(1)
  process.once('exit', made.flushSync)
  stdout = made
  return made
}
