// The public listener: one node:http server whose requests go to the gateway or, through Fastify, to the issuer's endpoints.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { MAX_BODY_BYTES } from '@countersign/protocol/oauth/parameters'
import type { FastifyError, FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import { createBridge, refuseUnread, send } from './bridge.ts'
import type { MountTable } from './mount_table.ts'
import type { Report } from './refusal.ts'
import { refusalOf } from './refusal.ts'
import { settleTarget } from './target.ts'

export interface AppOptions {
  /** Asked at each request, so that realms can change. */
  readonly mountTable: () => MountTable
  /** Takes requests for guarded APIs; true if it took this one. Its traffic never enters Fastify. */
  readonly gateway: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly report: Report
}

const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
/** So long may answers in flight take once the server is told to end: it must be gone within 10 seconds. */
const DRAIN_MS = 8_000
/** Longer than the proxies and pools in front keep their connections, so that they close them and not we. */
const KEEP_ALIVE_MS = 75_000

export function createApp({ mountTable, gateway, report }: AppOptions): FastifyInstance {
  const bridge = createBridge(mountTable, report)
  const app = Fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    // An escape that Fastify cannot decode is a path like any other to us, and its own answer would echo it.
    frameworkErrors: (_error, request, reply) => void bridge(request, reply),
    // Paths are looked up as sent; Fastify has one route and must not read them in its own way.
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // A request that follows on a busy connection while we drain is answered like the others, and is that connection's last.
    return503OnClosing: false,
    serverFactory: (handler) =>
      createServer(
        { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: 32_768, keepAliveTimeout: KEEP_ALIVE_MS },
        (request, response) => {
          settleTarget(request)
          if (!gateway(request, response)) handler(request, response)
        },
      ),
  })
  // Every content type as bytes: which ones are acceptable is the dialect's word.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(/^/, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error: FastifyError, request, reply) => send(reply, refuseUnread(mountTable(), request, unreadBody(error, report))))
  app.all('/*', bridge)
  app.setNotFoundHandler(bridge)
  // Whoever listens does it on the server itself, so Fastify would leave it open.
  app.addHook('preClose', (done) => closeListener(app.server, done))
  return app
}

/** No new connections; those that are open end with the answer they are at. */
function closeListener(server: Server, done: () => void): void {
  if (!server.listening) return done()
  server.prependListener('request', (_request, response: ServerResponse) => response.setHeader('connection', 'close'))
  // A connection whose answer was under way is idle after it, and waits for no other request.
  server.keepAliveTimeout = 1
  const enough = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  server.close(() => {
    clearTimeout(enough)
    done()
  })
}

/** Fastify's own refusals (body too large, length mismatch, bad content type) in OAuth's words. */
function unreadBody(error: FastifyError, report: Report): OAuthError {
  const status = error.statusCode ?? 500
  if (status === 413) return new OAuthError('invalid_request', `The body is larger than ${MAX_BODY_BYTES} bytes.`, { status })
  if (status >= 400 && status < 500) return new OAuthError('invalid_request', 'The request body cannot be read.', { status: 400 })
  return refusalOf(error, report)
}
