// The guard before a fetch-style handler: `(request: Request) => Response`. Never reads the body.
// The runtime has joined repeated headers with commas and resolved dot segments; the handler sees the same reading.
import type { Guard } from '../guard.ts'
import type { Deny, Principal } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

/** A handler behind the guard. `rest` is whatever the runtime passes beside the request. */
export type GuardedHandler<Rest extends readonly unknown[]> = (
  request: Request,
  principal: Principal,
  ...rest: Rest
) => Response | Promise<Response>

/** The handler for the runtime: it answers denials itself and calls `handler` with the principal otherwise. */
export function guarded<Rest extends readonly unknown[]>(
  guard: Guard,
  handler: GuardedHandler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const headers: Record<string, string | undefined> = {}
    for (const name of guard.credentialHeaders) headers[name] = request.headers.get(name) ?? undefined
    const verdict = await guard.check({ method: request.method, path: pathOf(request.url), headers })
    if (!verdict.allow) return denial(verdict)
    const response = await handler(request, verdict.principal, ...rest)
    return withHeaders(response, verdict.headers)
  }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

function denial(deny: Deny): Response {
  return new Response(problemBody(deny), { status: deny.status, headers: deny.headers })
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const entries = Object.entries(headers)
  if (entries.length === 0) return response
  // The headers of a fetched response cannot be changed.
  const changed = new Response(response.body, response)
  for (const [name, value] of entries) changed.headers.set(name, value)
  return changed
}
