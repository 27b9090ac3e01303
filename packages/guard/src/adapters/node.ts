// The guard before a plain node:http listener, or anything that speaks `(request, response, next)`. Never reads the body.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { Guard } from '../guard.ts'
import type { Principal, Verdict } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

/** The parts of http.IncomingMessage that are read. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: IncomingFields
  readonly rawHeaders: readonly string[]
}

/** The parts of http.ServerResponse that are used. */
export interface NodeResponse {
  statusCode: number
  readonly destroyed: boolean
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/** Answers denials itself; otherwise adds its headers to the response and calls `next` with the principal. */
export function nodeGuard(guard: Guard): (request: NodeRequest, response: NodeResponse, next: (principal: Principal) => void) => void {
  return (request, response, next) => {
    const { method = '', url = '', headers, rawHeaders } = request
    const conclude = (verdict: Verdict): void => {
      // The caller has gone while the token was looked up: nobody is left to serve.
      if (response.destroyed) return
      for (const [name, value] of Object.entries(verdict.headers)) response.setHeader(name, value)
      if (verdict.allow) return next(verdict.principal)
      response.statusCode = verdict.status
      response.end(problemBody(verdict))
    }
    const answer = guard.check({ method, path: url, headers, rawHeaders })
    if (answer instanceof Promise) void answer.then(conclude)
    else conclude(answer)
  }
}
