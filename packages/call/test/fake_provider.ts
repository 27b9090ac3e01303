// A provider and its API for the tests of this package: real node:http servers that read and write every dialect by protocol's codecs.
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Serves on a free port of the loopback until the test ends. */
export async function serve(t: TestContext, listener: (...call: Parameters<RequestListener>) => unknown): Promise<string> {
  const server = createServer((incoming, outgoing) => void listener(incoming, outgoing))
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening)
  })
  t.after(
    () =>
      new Promise<void>((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function read(request: IncomingMessage): Promise<Seen> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
}

type Answer = TokenSet | OAuthError | { status: number; headers?: Record<string, string>; body?: string }

export interface FakeProvider {
  readonly origin: string
  readonly tokenUrl: string
  /** Token requests in the order they came, as the dialect reads them. */
  readonly requests: (TokenRequest & { readonly raw: Seen })[]
  /** What the next ones are answered; default: token-1, token-2, ... */
  answer: (request: TokenRequest, count: number) => Answer | Promise<Answer>
}

export const tokens = (accessToken: string, expiresIn = 3600, more: Partial<TokenSet> = {}): TokenSet => ({
  accessToken,
  tokenType: 'Bearer',
  expiresIn,
  ...more,
})

export async function startProvider(
  t: TestContext,
  document: string | DialectDocument = 'standard',
  path = '/token',
): Promise<FakeProvider> {
  const dialect = compile(resolveDialect(document))
  const requests: FakeProvider['requests'] = []
  const write = (answer: Answer): { status: number; headers?: Record<string, string>; body?: string } => {
    if (answer instanceof OAuthError) return dialect.error.write(answer)
    return 'accessToken' in answer ? dialect.tokenResponse.write(answer) : answer
  }
  const handle = async (raw: Seen): Promise<Answer> => {
    if (raw.path !== path || raw.method !== 'POST') return { status: 404 }
    const request = dialect.tokenRequest.read({ ...raw, headers: raw.headers as Record<string, string> })
    requests.push({ ...request, raw })
    return provider.answer(request, requests.length)
  }
  const origin = await serve(t, async (incoming, outgoing) => {
    const answer = await read(incoming)
      .then(handle)
      .catch((error: unknown) => (error instanceof OAuthError ? error : new OAuthError('server_error', String(error))))
    const wire = write(answer)
    outgoing.writeHead(wire.status, wire.headers).end(wire.body ?? '')
  })
  const provider: FakeProvider = {
    origin,
    tokenUrl: origin + path,
    requests,
    answer: (_, count) => tokens(`token-${count}`),
  }
  return provider
}

export interface FakeApi {
  readonly origin: string
  readonly seen: Seen[]
  /** Status and headers of the next answers; default 200. */
  answer: (seen: Seen) => { status: number; headers?: Record<string, string>; body?: string }
}

export async function startApi(t: TestContext): Promise<FakeApi> {
  const seen: Seen[] = []
  const origin = await serve(t, async (incoming, outgoing) => {
    const request = await read(incoming)
    seen.push(request)
    const { status, headers, body } = api.answer(request)
    outgoing.writeHead(status, headers).end(body ?? `answer ${seen.length}`)
  })
  const api: FakeApi = { origin, seen, answer: () => ({ status: 200 }) }
  return api
}

export const INVALID_TOKEN = { status: 401, headers: { 'www-authenticate': 'Bearer realm="api", error="invalid_token"' } }

/** Clocks that a test moves by hand. */
export function simulatedTime(): { ms: number; readonly monotonic: () => number; readonly now: () => number } {
  const time = { ms: 0, monotonic: () => time.ms, now: () => 1_800_000_000 + time.ms / 1000 }
  return time
}
