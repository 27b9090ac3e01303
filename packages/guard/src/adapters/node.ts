// The guard before a plain node:http listener, or anything that speaks `(request, response, next)`. Never reads the body.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { WatchedResponse, WatchedSocket } from '../answer_watch.ts'
import { watchAnswer } from '../answer_watch.ts'
import type { Guard } from '../guard.ts'
import type { Principal, Verdict } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

/** The parts of http.IncomingMessage that are read. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingFields
  readonly rawHeaders: readonly string[]
  readonly socket?: WatchedSocket | undefined
}

/** The parts of http.ServerResponse that are used. */
export interface NodeResponse extends WatchedResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

export interface NodeGuardOptions<Request> {
  /** Whom a request comes from. Default: the other end of the connection; behind a proxy that is the proxy. */
  readonly address?: (request: Request) => string | undefined
}

/** Answers denials itself; otherwise adds its headers to the response and calls `next` with the principal. */
export function nodeGuard<Request extends NodeRequest>(
  guard: Guard,
  { address = addressOf }: NodeGuardOptions<Request> = {},
): (request: Request, response: NodeResponse, next: (principal: Principal) => void) => void {
  return (request, response, next) => {
    const { method = '', url = '', headers, rawHeaders } = request
    const conclude = (verdict: Verdict): void => {
      if (verdict.allow && verdict.done !== undefined) watchAnswer(request, response, verdict.done, guard.now)
      // The caller has gone while the token was looked up: nobody is left to serve.
      if (response.destroyed) return
      for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value)
      if (verdict.allow) return next(verdict.principal)
      response.statusCode = verdict.status
      response.end(problemBody(verdict))
    }
    const answer = guard.check({ method, path: url, headers, rawHeaders, address: address(request) })
    if (answer instanceof Promise) void answer.then(conclude)
    else conclude(answer)
  }
}

function addressOf({ socket }: NodeRequest): string | undefined {
  return socket?.remoteAddress
}
