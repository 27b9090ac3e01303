// undici (7 or later): an interceptor for `compose`. Requests to allowed origins show the credentials, all others go as they are.
import { OriginNotAllowed } from '../errors.ts'
import { joined } from '../joined_chunks.ts'
import type { Authorizer, Shown } from '../refused_token.ts'
import { createSecondTry, refusesToken } from '../refused_token.ts'

/** What the interceptor touches of undici's own types. */
export interface UndiciRequest {
  readonly origin?: string | URL | undefined
  readonly path: string
  readonly method: string
  readonly headers?: unknown
  readonly body?: unknown
  readonly maxRedirections?: number
}

type ResponseFields = Readonly<Record<string, string | string[] | undefined>>

export interface UndiciHandler {
  onRequestStart?(controller: unknown, context: unknown): void
  onRequestUpgrade?(...rest: unknown[]): void
  onResponseStart?(controller: unknown, statusCode: number, headers: ResponseFields, statusMessage?: string): void
  onResponseData?(controller: unknown, chunk: Uint8Array): void
  onResponseEnd?(controller: unknown, trailers: unknown): void
  onResponseError?(controller: unknown, error: Error): void
}

type Dispatch = (request: UndiciRequest, handler: UndiciHandler) => boolean
/** Any version's own, whose types are narrower than what is touched of them here. */
type AnyDispatch = (request: never, handler: never) => boolean

/** `new Agent().compose(undiciInterceptor(client))`; beside `interceptors.redirect`, put that one last. */
export function undiciInterceptor(client: Authorizer): (dispatch: AnyDispatch) => Dispatch {
  const tries = createSecondTry(client)

  const show = async ({ origin, path, method }: UndiciRequest): Promise<Shown | undefined> => {
    try {
      // Joined as text: `//other.example/` is a path here, and would be another host to a URL parser.
      return await tries.show(new URL(`${new URL(String(origin)).origin}${path}`), method)
    } catch (error) {
      if (error instanceof OriginNotAllowed) return undefined
      throw error
    }
  }

  const send = async (dispatch: Dispatch, given: UndiciRequest, handler: UndiciHandler, last: boolean): Promise<void> => {
    const shown = await show(given)
    if (!shown) {
      dispatch(given, handler)
      return
    }
    const request = { ...given, body: await readAhead(given.body) }
    const again = async (): Promise<boolean> => {
      if (!(await tries.giveUp(shown.accessToken))) return false
      await send(dispatch, request, handler, true)
      return true
    }
    const once = last || !isReplayable(request.body)
    // An inner redirect interceptor would take our fields along to wherever it is led.
    dispatch({ ...request, maxRedirections: 0, headers: merged(request.headers, shown.headers) }, once ? handler : holdBack(handler, again))
  }

  return (dispatch) => (request, handler) => {
    const go: Dispatch = (one, by) => dispatch(one as never, by as never)
    send(go, request, handler, false).catch((error: unknown) => handler.onResponseError?.(DONE, asError(error)))
    return true
  }
}

const MOST_HELD = 64 * 1024

/** Stands for the controller of a request that was never sent. */
const DONE = {
  abort: (): void => undefined,
  pause: (): void => undefined,
  resume: (): void => undefined,
  aborted: true,
  paused: false,
  reason: null,
}

/** Holds an answer back that refuses the token, until it is known whether `again` takes its place. */
function holdBack(handler: UndiciHandler, again: () => Promise<boolean>): UndiciHandler {
  let held: (() => void)[] | undefined
  let length = 0
  const release = (): void => {
    for (const event of held ?? []) event()
    held = undefined
  }
  return {
    onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
    onRequestUpgrade: (...rest) => handler.onRequestUpgrade?.(...rest),
    onResponseStart(controller, status, headers, message) {
      if (!refusesToken(status, headers['www-authenticate'])) return handler.onResponseStart?.(controller, status, headers, message)
      held = [() => handler.onResponseStart?.(controller, status, headers, message)]
      return undefined
    },
    onResponseData(controller, chunk) {
      if (!held) return handler.onResponseData?.(controller, chunk)
      length += chunk.byteLength
      held.push(() => handler.onResponseData?.(controller, chunk))
      if (length > MOST_HELD) release()
      return undefined
    },
    onResponseEnd(controller, trailers) {
      if (!held) return handler.onResponseEnd?.(controller, trailers)
      held.push(() => handler.onResponseEnd?.(controller, trailers))
      again()
        .then((taken) => (taken ? undefined : release()))
        .catch((error: unknown) => handler.onResponseError?.(controller, asError(error)))
      return undefined
    },
    onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
  }
}

/** The caller's fields, in any of the forms undici takes, with ours in place of his copies. */
function merged(given: unknown, ours: Readonly<Record<string, string>>): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of entriesOf(given)) {
    const lower = name.toLowerCase()
    if (Object.hasOwn(ours, lower) || value === undefined || value === null) continue
    const before = fields[lower]
    const more = Array.isArray(value) ? value.map(String) : [`${value as string | number}`]
    const all = before === undefined ? more : [before, more].flat()
    fields[lower] = all.length === 1 ? (all[0] ?? '') : all
  }
  return { ...fields, ...ours }
}

function entriesOf(given: unknown): readonly (readonly [string, unknown])[] {
  if (typeof given !== 'object' || given === null) return []
  const listed: readonly unknown[] | undefined = Symbol.iterator in given ? [...(given as Iterable<unknown>)] : undefined
  if (!listed) return Object.entries(given)
  if (listed.every((one) => Array.isArray(one))) return listed.map((pair): [string, unknown] => [String(pair[0]), pair[1]])
  // A flat list: name, value, name, value.
  return listed.flatMap((name, index) => (index % 2 === 0 ? [[String(name), listed[index + 1]] as const] : []))
}

function isReplayable(body: unknown): boolean {
  return body === undefined || body === null || typeof body === 'string' || ArrayBuffer.isView(body) || body instanceof FormData
}

/** What fetch of undici makes of any body is a generator, which can be read once: a small one is read first, others go on as they were. */
async function readAhead(body: unknown): Promise<unknown> {
  if (!isGenerator(body)) return body
  const chunks: Uint8Array[] = []
  let length = 0
  let next = await body.next()
  while (!next.done) {
    chunks.push(next.value)
    length += next.value.byteLength
    if (length > MOST_HELD) return continued(chunks, body)
    next = await body.next()
  }
  return joined(chunks, length)
}

async function* continued(chunks: readonly Uint8Array[], rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
  yield* rest
}

function isGenerator(body: unknown): body is AsyncGenerator<Uint8Array> {
  return Object.prototype.toString.call(body) === '[object AsyncGenerator]'
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The request failed.')
}
