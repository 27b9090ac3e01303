// One line for each request, where the operator wants it: who, what, how it went. Never a query, a body, a header of the caller's or a path
// that he made up: what is written is configured, proven or ours.
import type { Watched } from './answer.ts'
import type { LogSink } from './log_sink.ts'

export interface RequestLine {
  /** Monotonic, in milliseconds. */
  readonly endedAt: number
  readonly method: string
  readonly address: string
  readonly bytes: number
}

/** @param nowMs epoch milliseconds */
export function createRequestLog(sink: LogSink, nowMs: () => number): (answer: Watched, line: RequestLine) => void {
  return (answer, { endedAt, method, address, bytes }) => {
    const { requestId, realmId, endpoint, apiId, route, client, grant, code, statusCode, began, headersSent } = answer
    const line = {
      time: new Date(nowMs()).toISOString(),
      level: 'request',
      request_id: requestId,
      realm: known(realmId),
      endpoint: known(endpoint),
      grant: known(grant),
      api: known(apiId),
      route: known(route),
      client_id: known(client),
      method,
      // 0: no answer was begun.
      status: headersSent ? statusCode : 0,
      code: known(code),
      milliseconds: Math.round((endedAt - began) * 100) / 100,
      bytes,
      address,
    }
    sink.write(`${JSON.stringify(line)}\n`)
  }
}

function known(text: string): string | undefined {
  return text === '' ? undefined : text
}
