// The guard as an onRequest hook for Fastify 5, typed by structure: it runs before the body is read.
// `app.decorateRequest('auth', null)` once, then `app.addHook('onRequest', fastifyGuard(guard))`.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { WatchedRequest, WatchedResponse } from '../answer_watch.ts'
import { watchAnswer } from '../answer_watch.ts'
import type { Guard } from '../guard.ts'
import type { Principal, Verdict } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

export interface FastifyRequest {
  readonly method: string
  /** What the router matched: after `rewriteUrl`. */
  readonly url: string
  readonly headers: IncomingFields
  readonly raw: WatchedRequest & { readonly rawHeaders: readonly string[] }
}

export interface FastifyReply {
  readonly raw: WatchedResponse
  header(name: string, value: string): unknown
  code(status: number): unknown
  send(body: string): unknown
}

export interface FastifyGuardOptions<Request> {
  /** Whom a request comes from; `(request) => request.ip` where `trustProxy` is set. Default: the other end of the connection. */
  readonly address?: (request: Request) => string | undefined
}

/** Answers denials itself; otherwise sets `request.auth` and goes on. */
export function fastifyGuard<Request extends FastifyRequest>(
  guard: Guard,
  { address = addressOf }: FastifyGuardOptions<Request> = {},
): (request: Request, reply: FastifyReply, done: () => void) => void {
  return (request, reply, done) => {
    const conclude = (verdict: Verdict): void => {
      if (verdict.allow && verdict.done !== undefined) watchAnswer(request.raw, reply.raw, verdict.done, guard.now)
      for (const [name, value] of Object.entries(verdict.headers)) reply.header(name, value)
      if (verdict.allow) {
        Object.assign(request, { auth: verdict.principal } satisfies { auth: Principal })
        done()
      } else {
        reply.code(verdict.status)
        reply.send(problemBody(verdict))
      }
    }
    const { method, url, headers, raw } = request
    const answer = guard.check({ method, path: url, headers, rawHeaders: raw.rawHeaders, address: address(request) })
    if (answer instanceof Promise) void answer.then(conclude)
    else conclude(answer)
  }
}

function addressOf({ raw }: FastifyRequest): string | undefined {
  return raw.socket?.remoteAddress
}
