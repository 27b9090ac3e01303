// The guard as an onRequest hook for Fastify 5, typed by structure: it runs before the body is read.
// `app.decorateRequest('auth', null)` once, then `app.addHook('onRequest', fastifyGuard(guard))`.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { Guard } from '../guard.ts'
import type { Principal, Verdict } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

export interface FastifyRequest {
  readonly method: string
  /** What the router matched: after `rewriteUrl`. */
  readonly url: string
  readonly headers: IncomingFields
  readonly raw: { readonly rawHeaders: readonly string[] }
}

export interface FastifyReply {
  header(name: string, value: string): unknown
  code(status: number): unknown
  send(body: string): unknown
}

/** Answers denials itself; otherwise sets `request.auth` and goes on. */
export function fastifyGuard(guard: Guard): (request: FastifyRequest, reply: FastifyReply, done: () => void) => void {
  return (request, reply, done) => {
    const conclude = (verdict: Verdict): void => {
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
    const answer = guard.check({ method, path: url, headers, rawHeaders: raw.rawHeaders })
    if (answer instanceof Promise) void answer.then(conclude)
    else conclude(answer)
  }
}
