// The guard before a fetch-style handler: `(request: Request) => Response`. Never reads the body of a request.
// The runtime has joined repeated headers with commas and resolved dot segments; the handler sees the same reading.
import { lengthOf, millisecondsBetween } from '../answer_watch.ts'
import type { Guard } from '../guard.ts'
import type { Allow, Deny, Principal } from '../verdict.ts'
import { problemBody } from '../verdict.ts'

/** A handler behind the guard. `rest` is whatever the runtime passes beside the request. */
export type GuardedHandler<Rest extends readonly unknown[]> = (
  request: Request,
  principal: Principal,
  ...rest: Rest
) => Response | Promise<Response>

export interface FetchGuardOptions<Rest extends readonly unknown[]> {
  /** Whom a request comes from, as the runtime tells it. Default: nobody knows, and keys with an address list are refused. */
  readonly address?: (request: Request, ...rest: Rest) => string | undefined
}

/** The handler for the runtime: it answers denials itself and calls `handler` with the principal otherwise. */
export function guarded<Rest extends readonly unknown[]>(
  guard: Guard,
  handler: GuardedHandler<Rest>,
  { address }: FetchGuardOptions<Rest> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const headers: Record<string, string | undefined> = {}
    for (const name of guard.credentialHeaders) headers[name] = request.headers.get(name) ?? undefined
    const { method, url } = request
    const verdict = await guard.check({ method, path: pathOf(url), headers, address: address?.(request, ...rest) })
    if (!verdict.allow) return denial(verdict)
    const { principal, done } = verdict
    if (done === undefined) return withHeaders(await handler(request, principal, ...rest), verdict.headers)
    return watched(request, verdict, done, guard.now, () => handler(request, principal, ...rest))
  }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

function denial(deny: Deny): Response {
  return new Response(problemBody(deny), { status: deny.status, headers: deny.headers })
}

function withHeaders(response: Response, headers: Readonly<Record<string, string>>, body = response.body): Response {
  const entries = Object.entries(headers)
  if ((entries.length === 0 && body === response.body) || !isPlain(response)) return response
  // The headers of a fetched response cannot be changed.
  const changed = new Response(body, response)
  for (const [name, value] of entries) changed.headers.set(name, value)
  return changed
}

/** An upgrade, or a network error, belongs to the runtime: it cannot be made again. */
function isPlain({ status }: Response): boolean {
  return status >= 200 && status <= 599
}

/** Tells the plan once what became of the request: when the last of the body is taken, when it breaks off, or when there is none. */
async function watched(
  request: Request,
  { headers }: Allow,
  done: NonNullable<Allow['done']>,
  now: () => number,
  answer: () => Response | Promise<Response>,
): Promise<Response> {
  const started = now()
  let told = false
  const tell = (status: number, bytesOut: number): void => {
    if (told) return
    told = true
    const milliseconds = millisecondsBetween(started, now())
    done({ status, bytesIn: lengthOf(request.headers.get('content-length')), bytesOut, milliseconds })
  }
  try {
    const response = await answer()
    const { status, body } = response
    // Where the caller goes away, or asked for no body, a runtime may leave it unread for ever.
    const wanted = request.method !== 'HEAD' && !request.signal.aborted
    if (wanted && body !== null && isPlain(response)) {
      request.signal.addEventListener('abort', () => tell(status, 0), { once: true })
      return withHeaders(
        response,
        headers,
        counted(body, (bytes) => tell(status, bytes)),
      )
    }
    const bare = withHeaders(response, headers)
    tell(status, 0)
    return bare
  } catch (error) {
    tell(0, 0)
    throw error
  }
}

/** The same bytes. @param end told of their number, when they are at an end or nobody wants the rest */
function counted(body: ReadableStream<Uint8Array>, end: (bytes: number) => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let bytes = 0
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            bytes += value.byteLength
            return controller.enqueue(value)
          }
          end(bytes)
          controller.close()
        } catch (error) {
          end(bytes)
          throw error
        }
      },
      async cancel(reason) {
        end(bytes)
        await reader.cancel(reason)
      },
    },
    // Nothing is asked for before somebody reads.
    { highWaterMark: 0 },
  )
}
