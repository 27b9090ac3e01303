// The sidecar: an HTTP server on this machine that forwards to one API and shows it the credentials, for programs in any language.
// Who may come in is door.ts; what a token is and when it is asked for is the client's.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from '../client.ts'
import { createClient } from '../client.ts'
import type { ClientOptions } from '../client_options.ts'
import { readOptions } from '../client_options.ts'
import { ConfigurationError } from '../errors.ts'
import { checkEndpoint, readOrigins } from '../origin.ts'
import { BodyTooLarge, readBody } from './body.ts'
import type { Door } from './door.ts'
import { OWN_PATHS, refuse } from './door.ts'
import { readFailure, tell } from './failure.ts'
import { answerFields, requestFields } from './fields.ts'
import type { ListenAddress } from './listen.ts'
import { hostsOf, listenAt } from './listen.ts'
import { locate } from './location.ts'
import { createOwnPaths } from './own_paths.ts'
import { createUpstream } from './upstream.ts'

export interface SidecarOptions {
  /** The credentials; `apiOrigins` is replaced by `to`. `fetch` asks for tokens. */
  readonly client: ClientOptions & { readonly fetch: typeof globalThis.fetch; readonly now: () => number }
  /** Origin of the API, like `https://api.example.com`. Everything goes there and nowhere else. */
  readonly to: string
  readonly listen: ListenAddress
  /** Callers must show it as `x-sidecar-key`; at least 16 characters. */
  readonly key?: string
  /** Hands the bare token out at `/.sidecar/token`; on a unix socket only. */
  readonly serveToken?: boolean
  /** Default 1 GiB. */
  readonly maxBodyBytes?: number
  /** How long the API may let a request wait with nothing moving; default 300 000. */
  readonly timeoutMs?: number
  /** How long a caller may take for its header fields; default 10 000. */
  readonly headersTimeoutMs?: number
}

export interface Sidecar {
  /** `http://127.0.0.1:8089` or `unix:/path`. */
  readonly address: string
  readonly to: string
  /** Lets requests under way end for so long, then ends them. */
  readonly close: (graceMs: number) => Promise<void>
}

/** @throws ConfigurationError */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { listen, key, serveToken = false, headersTimeoutMs = 10_000 } = options
  const target = readTo(options.to)
  if (serveToken && listen.kind !== 'unix')
    throw new ConfigurationError('The bare token is handed out on a unix socket only: use --listen unix:/path.')
  if (key !== undefined && !/^[\x21-\x7e]{16,1024}$/.test(key))
    throw new ConfigurationError('The key of a sidecar is 16 to 1024 visible characters without spaces.')
  const upstream = createUpstream(target, { timeoutMs: options.timeoutMs ?? 300_000 })
  const settings: ClientOptions = {
    ...options.client,
    apiOrigins: [target.origin],
    fetch: fetchBy(target.origin, upstream.fetch, options.client.fetch),
  }
  const carriers = new Set(readOptions(settings).dialect.presentation.headers)
  const client = createClient(settings)
  const own = createOwnPaths({ client, to: target.origin, serveToken, now: options.client.now })
  const door: { -readonly [Member in keyof Door]: Door[Member] } = { hosts: new Set(), key }
  const forward = createForward({ client, target, carriers, maxBodyBytes: options.maxBodyBytes ?? 2 ** 30 })

  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: true,
      headersTimeout: headersTimeoutMs,
      requestTimeout: 0,
      connectionsCheckingInterval: 500,
    },
    (incoming, outgoing) => {
      if (admits(door, incoming, outgoing)) serve(incoming, outgoing)
    },
  )
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const answered = targetOf(incoming).startsWith(OWN_PATHS) ? own(incoming, outgoing) : forward(incoming, outgoing)
    answered.catch((error: unknown) => tell(outgoing, error instanceof BodyTooLarge ? TOO_LARGE : readFailure(error)))
  }
  server.on('checkContinue', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (!admits(door, incoming, outgoing)) return
    outgoing.writeContinue()
    serve(incoming, outgoing)
  })
  server.on('connect', (_, socket) => {
    socket.on('error', () => undefined)
    // No timeout of the server's is left that would take away the half which the caller leaves open.
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n', () => socket.destroy())
  })
  server.maxConnections = 1024
  const address = await listenAt(server, listen)
  door.hosts = hostsOf(server)
  if (address === target.origin) {
    server.close()
    throw new ConfigurationError('--to is the address of the sidecar itself: name the API.')
  }
  return { address, to: target.origin, close: (graceMs) => close(server, graceMs).finally(upstream.close) }
}

interface Forwarding {
  readonly client: Client
  readonly target: URL
  readonly carriers: ReadonlySet<string>
  readonly maxBodyBytes: number
}

function createForward({ client, target, carriers, maxBodyBytes }: Forwarding) {
  return async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const gone = new AbortController()
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) gone.abort()
    })
    const body = await readBody(incoming, maxBodyBytes)
    const response = await client.fetch(target.origin + targetOf(incoming), {
      method: incoming.method ?? 'GET',
      headers: requestFields(incoming.rawHeaders, carriers).map(([name, value]): [string, string] => [name, value]),
      redirect: 'manual',
      signal: gone.signal,
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    })
    const from = `http://${incoming.headers.host ?? 'localhost'}`
    const fields = answerFields(response.headers).flatMap(([name, value]) => [
      name,
      name === 'location' ? locate(value, new URL(target.origin + targetOf(incoming)), from) : value,
    ])
    outgoing.writeHead(response.status, response.statusText, fields)
    if (!response.body) {
      outgoing.end()
      return
    }
    // At once, since an API that tells events may have its first word much later.
    outgoing.flushHeaders()
    await pipeline(Readable.fromWeb(response.body), outgoing)
  }
}

const TOO_LARGE = {
  status: 413,
  code: 'body_too_large',
  sentence: 'The body is longer than this sidecar takes: allow more with --max-body.',
}

function admits(door: Door, incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  // Whoever goes away while an answer is written is no failure of anything.
  outgoing.on('error', () => undefined)
  incoming.on('error', () => undefined)
  const { method = '', rawHeaders, headers } = incoming
  const refusal = refuse({ method, target: targetOf(incoming), rawHeaders, headers }, door)
  if (refusal) tell(outgoing, refusal)
  return refusal === undefined
}

function targetOf(incoming: IncomingMessage): string {
  return incoming.url ?? ''
}

function readTo(text: string): URL {
  const url = checkEndpoint(text, '--to')
  if (url.pathname !== '/' || url.search !== '')
    throw new ConfigurationError('--to is the origin of the API, without a path: callers send the path.')
  const [origin = ''] = readOrigins([text])
  return new URL(origin)
}

/** The API by our own way, all else, token endpoints above all, by the caller's. */
function fetchBy(origin: string, api: (input: string, init: RequestInit) => Promise<Response>, other: typeof globalThis.fetch) {
  const choose = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const text = input instanceof Request ? input.url : String(input)
    return new URL(text).origin === origin ? api(text, init) : other(input, init)
  }
  return choose
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((done) => {
    server.close(() => done())
  })
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearTimeout(timer)
}
