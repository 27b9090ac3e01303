// The guard as middleware for Express 4 and 5, typed by structure. Never reads the body.
// It judges the whole path as the caller sent it, wherever the router is mounted: middleware that rewrites `url` comes after it.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { WatchedResponse, WatchedSocket } from '../answer_watch.ts'
import { watchAnswer } from '../answer_watch.ts'
import type { Guard } from '../guard.ts'
import type { Principal, Verdict } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

export interface ExpressRequest {
  readonly method: string
  readonly originalUrl: string
  readonly headers: IncomingFields
  readonly rawHeaders: readonly string[]
  readonly socket?: WatchedSocket | undefined
}

export interface ExpressResponse extends WatchedResponse {
  statusCode: number
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

export interface ExpressGuardOptions<Request> {
  /** Whom a request comes from; `(request) => request.ip` where `trust proxy` is set. Default: the other end of the connection. */
  readonly address?: (request: Request) => string | undefined
}

/** Answers denials itself; otherwise sets `request.auth` and goes on. */
export function expressGuard<Request extends ExpressRequest>(
  guard: Guard,
  { address = addressOf }: ExpressGuardOptions<Request> = {},
): (request: Request, response: ExpressResponse, next: (error?: unknown) => void) => void {
  return (request, response, next) => {
    const { method, originalUrl, headers, rawHeaders } = request
    const conclude = (verdict: Verdict): void => {
      if (verdict.allow && verdict.done !== undefined) watchAnswer(request, response, verdict.done, guard.now)
      if (response.destroyed) return
      for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value)
      if (verdict.allow) {
        Object.assign(request, { auth: verdict.principal })
        next()
      } else {
        response.statusCode = verdict.status
        response.end(problemBody(verdict))
      }
    }
    const answer = guard.check({ method, path: originalUrl, headers, rawHeaders, address: address(request) })
    // What goes wrong behind a late verdict belongs to Express all the same.
    const fail = (error: unknown): void => next(error)
    if (answer instanceof Promise) answer.then(conclude).catch(fail)
    else conclude(answer)
  }
}

function addressOf({ socket }: ExpressRequest): string | undefined {
  return socket?.remoteAddress
}

/** `request.auth` with its type, whatever other packages say `auth` is; undefined on routes that no guard stands before. */
export function principalOf(request: object): Principal | undefined {
  return (request as { readonly auth?: Principal }).auth
}
