// The operator's log where nobody brought another: one JSON line on stderr for each thing.
import type { LogSink } from './log_sink.ts'
import { createLogSink } from './log_sink.ts'

/** @param requestId of the request that it happened to, as the caller has it in `x-request-id` */
export function reportToStderr(error: unknown, what: string, requestId?: string): void {
  const cause = error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) }
  logToStderr({ level: 'error', what, ...(requestId !== undefined && requestId !== '' && { request_id: requestId }), ...cause })
}

export function noticeToStderr(what: string): void {
  logToStderr({ level: 'notice', what })
}

let sink: LogSink | undefined

/** Of the whole process. */
export function stderrSink(): LogSink {
  if (sink) return sink
  const made = createLogSink(2)
  process.once('exit', made.flushSync)
  sink = made
  return made
}

function logToStderr(line: Readonly<Record<string, unknown>>): void {
  stderrSink().write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`)
}
