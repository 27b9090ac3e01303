// What is seen of each request on the public listener: its id, its counters, its line in the log, its trace. Whoever decides tells it here;
// nothing here decides. Without log and traces a request costs an id and a few additions.
import { randomBytes } from 'node:crypto'
import type { Verdict } from '@countersign/guard/verdict'
import type { Caller } from '../gateway/forwarded.ts'
import type { Incoming, Outgoing } from '../gateway/messages.ts'
import type { Api } from '../model/api.ts'
import type { Watched } from './answer.ts'
import { isWatched } from './answer.ts'
import type { RequestMetrics } from './metrics_requests.ts'
import type { RequestLine } from './request_log.ts'
import type { RequestSpan, Tracing } from './tracing.ts'

export interface RequestWatchOptions {
  readonly metrics: RequestMetrics
  readonly callerOf: (request: Incoming) => Caller
  /** Whether the connection of a request is a trusted proxy's: its word on the request's id is taken. */
  readonly isFromProxy: (request: Incoming) => boolean
  /** Where every request leaves a line; undefined: none does. */
  readonly log?: ((answer: Watched, line: RequestLine) => void) | undefined
  readonly tracing?: Tracing | undefined
  /** Whether anybody's `traceparent` is taken, and not the trusted proxies' alone. */
  readonly tracesJoinAnybody?: boolean
}

export interface RequestWatch {
  /** A request has come: before anything else is done with it. */
  readonly began: (request: Incoming, answer: Watched) => void
  /** An endpoint's answer is about to leave. */
  readonly answered: (answer: Watched) => void
  /** @param milliseconds that the guard took; undefined where it was not asked */
  readonly verdict: (api: Api, code: string, response: Outgoing, milliseconds?: number, verdict?: Verdict) => void
  readonly upstream: (api: Api, status: number, milliseconds: number) => void
  /** Undefined without traces. */
  readonly trace: ((api: Api, fields: string[], response: Outgoing) => ((status: number) => void) | undefined) | undefined
}

/** What a proxy may call a request: nothing that could mean something in a log, a shell or a page. */
const SAFE_ID = /^[A-Za-z0-9._:@+/=-]{1,128}$/

export function createRequestWatch({ metrics, callerOf, isFromProxy, log, tracing, tracesJoinAnybody }: RequestWatchOptions): RequestWatch {
  // Unique among processes by its first part and within one by its second; nobody needs to be unable to guess it.
  const process = randomBytes(6).toString('base64url')
  const spans = new WeakMap<Outgoing, RequestSpan>()
  let number = 0

  const watchEnd = (request: Incoming, answer: Watched): void => {
    const span = tracing?.(request, tracesJoinAnybody === true || isFromProxy(request))
    if (span) {
      spans.set(answer, span)
      answer.step = span.step
    }
    const { socket, method = 'GET' } = request
    // Of a connection that is gone nobody can ask it.
    const address = log ? callerOf(request).address : ''
    answer.writtenBefore = socket.bytesWritten
    answer.once('close', () => {
      log?.(answer, { endedAt: performance.now(), method, address, bytes: socket.bytesWritten - answer.writtenBefore })
      span?.end(answer)
    })
  }
  return {
    began(request, answer) {
      const given = request.headers['x-request-id']
      const taken = given !== undefined && typeof given === 'string' && isFromProxy(request) && SAFE_ID.test(given)
      answer.requestId = taken ? given : `${process}-${number++}`
      answer.began = performance.now()
      answer.counted = metrics.answered
      if (log || tracing) watchEnd(request, answer)
    },
    answered(answer) {
      if (answer.endpoint === 'token') metrics.token(answer.realmId, answer.grant, answer.code, performance.now() - answer.began)
    },
    verdict(api, code, response, milliseconds, verdict) {
      metrics.verdict(api, code, milliseconds)
      if (!(log || tracing) || !isWatched(response)) return
      response.realmId = api.realmId
      response.apiId = api.id
      response.code = code
      if (verdict?.allow !== true) return
      response.client = verdict.principal.clientId ?? ''
      response.route = verdict.route ?? ''
      response.step?.('allowed')
    },
    upstream: metrics.upstream,
    trace: tracing && ((api, fields, response) => spans.get(response)?.upstream(api, fields)),
  }
}
