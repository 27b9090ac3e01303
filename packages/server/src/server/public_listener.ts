// The public listener: one node:http server whose requests go to the gateway or over the bridge to the issuer's endpoints.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createBridge } from './bridge.ts'
import type { MountTable } from './mount_table.ts'
import type { Report } from './refusal.ts'
import { settleTarget } from './target.ts'

export interface PublicListenerOptions {
  /** Asked at each request, so that realms can change. */
  readonly mountTable: () => MountTable
  /** Takes requests for guarded APIs; true if it took this one. */
  readonly gateway: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly report: Report
}

const LIMITS = {
  requestTimeout: 30_000,
  headersTimeout: 10_000,
  maxHeaderSize: 32_768,
  /** Longer than the proxies and pools in front keep their connections, so that they close them and not we. */
  keepAliveTimeout: 75_000,
}

/** Not listening yet. */
export function createPublicListener({ mountTable, gateway, report }: PublicListenerOptions): Server {
  const bridge = createBridge(mountTable, report)
  return createServer(LIMITS, (request, response) => {
    settleTarget(request)
    if (!gateway(request, response)) bridge(request, response)
  })
}

/** So long may answers in flight take once the server is told to end: it must be gone within 10 seconds. */
const DRAIN_MS = 8_000

/** No new connections; those that are open end with the answer they are at. Resolves when all have ended. */
export function drain(server: Server, notice: (sentence: string) => void): Promise<void> {
  if (!server.listening) return Promise.resolve()
  server.prependListener('request', (_request, response: ServerResponse) => response.setHeader('connection', 'close'))
  // A connection whose answer was under way is idle after it, and waits for no other request.
  server.keepAliveTimeout = 1
  const enough = setTimeout(() => {
    notice(`Answers that were not finished after ${DRAIN_MS / 1000} s of draining are cut off; nothing acknowledged is lost.`)
    server.closeAllConnections()
  }, DRAIN_MS)
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(enough)
      resolve()
    })
    server.closeIdleConnections()
  })
}
