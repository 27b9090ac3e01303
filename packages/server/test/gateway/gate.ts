// One API behind the gateway, whose upstream is the test's to play: by requests, or byte by byte.
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, Server } from 'node:http'
import { request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { ApiInput, ConfigInput } from '../../src/config/input.ts'
import { basic, postForm } from '../harness/http.ts'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { API, hashed } from '../issue/orders.ts'

const SECRET = 'a secret that is long enough'

export interface Gate extends TestServer {
  readonly bearer: string
  /** A request to the API, with the token. */
  readonly call: (path: string, options?: { method?: string; headers?: Record<string, string>; body?: string }) => Promise<RawAnswer>
  /** The same, not ended yet, and on a connection of its own. */
  readonly open: (path: string, method?: string, headers?: Record<string, string>) => ClientRequest
  /** The head of a request by hand, up to and with the token. */
  readonly head: (line: string) => string
}

/** @param api what is different of it. */
export async function startGate(
  upstream: string,
  api: Partial<ApiInput> = {},
  listen: NonNullable<ConfigInput['listen']> = {},
): Promise<Gate> {
  const server = await startConfigured({
    listen,
    realms: [{ id: 'shop', audiences: [API], clients: [{ clientId: 'one', secret: hashed(SECRET) }] }],
    apis: [{ id: 'gate', realm: 'shop', upstream, ...api }],
  })
  const { json } = await postForm(`${server.origin}/realms/shop/oauth2/token`, { grant_type: 'client_credentials' }, basic('one', SECRET))
  const bearer = `Bearer ${String(json['access_token'])}`
  const { hostname, port } = new URL(server.origin)
  return {
    ...server,
    bearer,
    call: (path, { headers = {}, ...rest } = {}) =>
      sendAs(`${server.origin}/apis/gate${path}`, { headers: { authorization: bearer, ...headers }, ...rest }),
    open(path, method = 'GET', headers = {}) {
      const options = { hostname, port, method, path: `/apis/gate${path}`, headers: { authorization: bearer, ...headers }, agent: false }
      const sent = request(options)
      // Those that break on purpose say so here; whoever waits for an event hears of it there.
      sent.on('error', () => undefined)
      return sent
    },
    head: (line) => `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: ${bearer}\r\n`,
  }
}

export interface SocketUpstream extends Upstream {
  /** Connections so far. */
  readonly sockets: readonly Socket[]
}

/** An upstream that speaks no HTTP but what the test makes it say. */
export async function startSockets(onHead: (socket: Socket, head: string) => void): Promise<SocketUpstream> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    let said = ''
    socket.on('error', () => undefined)
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text
      const end = said.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = said.slice(0, end)
      said = ''
      onHead(socket, head)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    sockets,
    origin: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export async function listening(server: Server): Promise<Upstream> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A connection to the server, by hand. */
export async function connectTo(origin: string): Promise<Socket> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** What a connection says until it is told enough, or ends. */
export async function readUntil(socket: Socket, enough: RegExp): Promise<string> {
  let said = ''
  while (true) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) said += chunk.toString('latin1')
    if (enough.test(said)) return said
    if (socket.readableEnded || socket.destroyed) throw new Error(`the connection ended after: ${said}`)
    if (chunk === null) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          for (const event of EVENTS) socket.off(event, go)
          resolve()
        }
        for (const event of EVENTS) socket.once(event, go)
      })
    }
  }
}

const EVENTS = ['readable', 'end', 'close'] as const

export const answered = async (sent: ClientRequest): Promise<IncomingMessage> => (await once(sent, 'response'))[0]

export async function whole(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
