// The public listener: one node:http server whose requests go to the gateway or over the bridge to the issuer's endpoints.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Caller } from '../gateway/forwarded.ts'
import type { Incoming, Outgoing } from '../gateway/messages.ts'
import type { Upgrade } from '../gateway/tunnel.ts'
import { Answer } from './answer.ts'
import { createBridge } from './bridge.ts'
import type { MountTable } from './mount_table.ts'
import { KEEP_ALIVE_MS } from './plain/answer_head.ts'
import type { ListenerOptions } from './plain/server.ts'
import { PlainServer } from './plain/server.ts'
import type { Report } from './refusal.ts'
import type { RequestWatch } from './request_watch.ts'
import type { Pace } from './slow_bodies.ts'
import { watchBodies } from './slow_bodies.ts'
import { settleTarget } from './target.ts'

export interface PublicListenerOptions {
  /** Asked at each request, so that realms can change. */
  readonly mountTable: () => MountTable
  /** Takes requests for guarded APIs; true if it took this one. */
  readonly gateway: (request: Incoming, response: Outgoing, upgrade?: Upgrade) => boolean
  readonly callerOf: (request: Incoming) => Caller
  readonly report: Report
  /** Told of each request, first of all, and of each answer of an endpoint, last of all. */
  readonly watch?: Pick<RequestWatch, 'began' | 'answered'>
  /** How slowly a body may come. */
  readonly pace?: Pace
}

const LIMITS: ListenerOptions = {
  ServerResponse: Answer,
  // Bodies have a pace instead of a time (slow_bodies.ts): an upload to an API may be long.
  requestTimeout: 0,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 32_768,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Said aloud, since a flag of the process could say otherwise: a lenient parser is how requests are smuggled.
  insecureHTTPParser: false,
  shouldUpgradeCallback: (request) => protocolOf(request) !== undefined,
}

/** Not listening yet. */
export function createPublicListener({ mountTable, gateway, callerOf, report, watch, pace }: PublicListenerOptions): Server {
  const bridge = createBridge({ table: mountTable, report, callerOf, answered: watch?.answered })
  const server = new PlainServer(LIMITS, (request, answer) => {
    watch?.began(request, answer)
    if (!gateway(request, answer)) bridge(request, answer)
  })
  const bodies = watchBodies(server, pace)
  const upgraded = new Set<Socket>()
  UPGRADED.set(server, upgraded)
  server.on('request', (request: IncomingMessage, response: Answer) => {
    watch?.began(request, response)
    bodies.began(request, response)
    settleTarget(request)
    if (!gateway(request, response)) bridge(request, response)
  })
  // The gateway asks for the body when the guard has let the request in; the endpoints take any that is not too long.
  server.on('checkContinue', (request: IncomingMessage, response: Answer) => {
    watch?.began(request, response)
    bodies.began(request, response)
    settleTarget(request)
    if (gateway(request, response)) return
    response.writeContinue()
    bridge(request, response)
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    // Node has let go of it: nobody else hears of its errors.
    socket.on('error', () => undefined)
    // An answer that is still owed to an earlier request would come second: no client of good will asks so.
    if (bodies.isBusy(socket)) return void socket.destroy()
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    const response = answerOn(request, socket)
    watch?.began(request, response)
    settleTarget(request)
    const protocol = protocolOf(request)
    const detach = (): void => response.detachSocket(socket)
    const upgrade = protocol === undefined ? undefined : { protocol, socket, head, detach }
    if (!gateway(request, response, upgrade)) bridge(request, response)
  })
  // Whoever asks this server to be a tunnel to elsewhere has mistaken it for another.
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => undefined).end('HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    socket.destroySoon()
  })
  return server
}

/** By server: connections that were HTTP once, which it no longer knows. */
const UPGRADED = new WeakMap<Server, Set<Socket>>()

/** Protocols that carry requests of their own, past the guard: h2c, TLS, another HTTP. Asked for, they are as good as not asked for. */
const CARRIES_REQUESTS = /^(?:h2c?|h3|tls|https?)(?:[/-]|$)/i
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z/-]{1,64}$/

/** The one protocol that a request may be upgraded to; undefined: it is a request like any other. RFC 9110 section 7.8. */
function protocolOf({ method, headers }: Incoming): string | undefined {
  const { upgrade, connection = '' } = headers
  if (upgrade === undefined || method !== 'GET' || !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(connection)) return undefined
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined
  return PROTOCOL.test(upgrade) && !CARRIES_REQUESTS.test(upgrade) ? upgrade : undefined
}

/** For what is not upgraded after all: a plain answer, and the end of the connection, whose parser Node has taken away. */
function answerOn(request: IncomingMessage, socket: Socket): Answer {
  const response = new Answer(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  // Not half of it: no timeout of the server's is left that would take away the half which its caller leaves open.
  response.once('finish', () => socket.destroySoon())
  return response
}

/** So long may answers in flight take once the server is told to end: it must be gone within 10 seconds. */
export const DRAIN_MS = 8_000
/** So long may upgraded connections go on: they have no end of their own, and their clients come back. */
const UPGRADED_MS = 3_000

/** No new connections; those that are open end with the answer they are at. Resolves when all have ended. */
export function drain(server: Server, notice: (sentence: string) => void, withinMs = DRAIN_MS): Promise<void> {
  if (!server.listening) return Promise.resolve()
  for (const event of ['request', 'checkContinue']) {
    server.prependListener(event, (_request, response: ServerResponse) => response.setHeader('connection', 'close'))
  }
  // A connection whose answer was under way is idle after it, and waits for no other request.
  server.keepAliveTimeout = 1
  const upgraded = UPGRADED.get(server) ?? new Set()
  const endUpgraded = setTimeout(() => {
    for (const socket of upgraded) socket.destroy()
  }, UPGRADED_MS)
  const enough = setTimeout(() => {
    notice(`Answers that were not finished after ${withinMs / 1000} s of draining are cut off; nothing acknowledged is lost.`)
    server.closeAllConnections()
    for (const socket of upgraded) socket.destroy()
  }, withinMs)
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(endUpgraded)
      clearTimeout(enough)
      resolve()
    })
    server.closeIdleConnections()
  })
}
