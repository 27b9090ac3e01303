// Request bodies that come too slowly: each needs a connection, and one at the upstream, for as long as its sender likes.
// Not a time for the whole request, which would cut every long upload, but a pace: the sum of all pauses is what an attacker spends.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface Pace {
  /** How often it is looked. */
  readonly everyMs: number
  /** So long any body may take. */
  readonly graceMs: number
  /** Each of these buys another second. */
  readonly bytesPerSecond: number
}

const PACE: Pace = { everyMs: 5_000, graceMs: 30_000, bytesPerSecond: 500 }

/** What is known of one connection. */
interface Connection {
  request: IncomingMessage | undefined
  response: ServerResponse | undefined
  /** Bytes read of the connection when the body was first seen unfinished; -1: not yet. */
  readAtStart: number
  /** Looks at the body, while it was its sender's turn. */
  looks: number
}

export interface SlowBodies {
  /** A request has come on its connection. */
  readonly began: (request: IncomingMessage, response: ServerResponse) => void
  /** Whether an earlier request of the same connection still waits for its answer, as with pipelining. */
  readonly isBusy: (socket: Socket) => boolean
}

/** Watches the server until it is closed. */
export function watchBodies(server: Server, pace: Pace = PACE): SlowBodies {
  const connections = new Map<Socket, Connection>()
  const timer = setInterval(() => {
    for (const [socket, connection] of connections) look(socket, connection, pace)
  }, pace.everyMs).unref()
  server.once('close', () => clearInterval(timer))
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { request: undefined, response: undefined, readAtStart: -1, looks: 0 })
    socket.once('close', () => connections.delete(socket))
  })
  return {
    began(request, response) {
      const connection = connections.get(request.socket)
      if (!connection) return
      connection.request = request
      connection.response = response
      connection.readAtStart = -1
      connection.looks = 0
    },
    isBusy: (socket) => connections.get(socket)?.response?.writableFinished === false,
  }
}

function look(socket: Socket, connection: Connection, { everyMs, graceMs, bytesPerSecond }: Pace): void {
  const { request, response } = connection
  if (!request || !response || request.complete) return
  // Where the answer has begun, the two talk: how long each may be silent is the upstream's timeout. And nobody is slow who is not listened to.
  if (response.headersSent && !response.writableFinished) return
  if (request.readableFlowing === false) return
  if (connection.readAtStart < 0) connection.readAtStart = socket.bytesRead
  const received = socket.bytesRead - connection.readAtStart
  if (connection.looks++ * everyMs <= graceMs + (received / bytesPerSecond) * 1000) return
  if (response.headersSent) return void socket.destroy()
  response.writeHead(408, { connection: 'close', 'content-length': 0 }).end()
}
