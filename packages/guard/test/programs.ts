// The same program behind every adapter: Express, Fastify, plain node:http and fetch-style. GET /orders answers `{client}`, POST /orders
// echoes the body, GET /stream sends a piece and waits, GET /broken sends a piece and breaks off.
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import express from 'express'
import fastify from 'fastify'
import { expressGuard, principalOf } from '../src/adapters/express.ts'
import { fastifyGuard } from '../src/adapters/fastify.ts'
import { guarded } from '../src/adapters/fetch.ts'
import { nodeGuard } from '../src/adapters/node.ts'
import type { Guard } from '../src/guard.ts'

export type Call = (path: string, init?: RequestInit) => Promise<Response>

/** Never keeps a promise. */
const FOREVER = Promise.withResolvers<void>().promise

interface ProgramOptions {
  /** Whom every request comes from; default: as the adapter finds it. */
  readonly address?: string
}

export type Program = (guard: Guard, use: (call: Call) => Promise<void>, options?: ProgramOptions) => Promise<void>

export async function overHttp(listener: RequestListener, use: (call: Call) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    // Bound by listen(port, host): the address is an AddressInfo.
    const { port } = server.address() as AddressInfo
    await use((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const PIECE = 'piece'

function begin(response: ServerResponse, url: string | undefined): void {
  response.write(PIECE)
  if (url?.startsWith('/broken')) setImmediate(() => response.destroy())
}

/** Of a stream that never ends, and of one that fails. */
function pieces(url: string): ReadableStream<Uint8Array> {
  let sent = false
  return new ReadableStream({
    pull(controller) {
      if (!sent) {
        sent = true
        return controller.enqueue(new TextEncoder().encode(PIECE))
      }
      if (url.includes('/broken')) throw new Error('the source is gone')
      return FOREVER
    },
  })
}

export const PROGRAMS: Readonly<Record<string, Program>> = {
  async express(guard, use, { address } = {}) {
    const app = express()
    app.use(expressGuard(guard, address === undefined ? {} : { address: () => address }))
    const router = express.Router()
    router.get('/', (request, response) => void response.json({ client: principalOf(request)?.clientId }))
    router.post('/', express.text(), (request, response) => void response.send(request.body))
    app.use('/orders', router)
    app.get(['/stream', '/broken'], (request, response) => begin(response, request.url))
    await overHttp(app, use)
  },
  async fastify(guard, use, { address } = {}) {
    const app = fastify()
    app.decorateRequest('auth', null)
    app.addHook('onRequest', fastifyGuard(guard, address === undefined ? {} : { address: () => address }))
    app.get('/orders', (request) => ({ client: (request as typeof request & { auth: { clientId: string } }).auth.clientId }))
    app.post('/orders', (request) => request.body)
    for (const path of ['/stream', '/broken']) app.get(path, (request, reply) => reply.send(Readable.fromWeb(pieces(request.url))))
    await app.ready()
    try {
      await overHttp((request, response) => app.routing(request, response), use)
    } finally {
      await app.close()
    }
  },
  async 'node:http'(guard, use, { address } = {}) {
    const check = nodeGuard(guard, address === undefined ? {} : { address: () => address })
    await overHttp((request, response) => {
      check(request, response, (principal) => {
        if (request.url?.startsWith('/orders') !== true) begin(response, request.url)
        else if (request.method === 'POST') request.pipe(response)
        else response.end(JSON.stringify({ client: principal.clientId }))
      })
    }, use)
  },
  async fetch(guard, use, { address } = {}) {
    const handler = guarded(
      guard,
      async (request, principal) => {
        if (!new URL(request.url).pathname.startsWith('/orders')) return new Response(pieces(request.url))
        return request.method === 'POST' ? new Response(await request.text()) : Response.json({ client: principal.clientId })
      },
      // No socket to ask: whoever runs it says.
      { address: () => address ?? '127.0.0.1' },
    )
    await use((path, init) => handler(new Request(`https://api.example${path}`, init)))
  },
}
