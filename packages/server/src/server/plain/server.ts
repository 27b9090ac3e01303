// A node:http server that reads plain requests itself, before its parser is asked. Its limits, its events and every other request are as ever.
import type { IncomingMessage, ServerOptions } from 'node:http'
import { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Answer } from '../answer.ts'
import type { PlainAnswer } from './answer.ts'
import type { ConnectionOwner } from './connection.ts'
import { PlainConnection } from './connection.ts'
import type { PlainRequest } from './request.ts'

export type ListenerOptions = ServerOptions<typeof IncomingMessage, typeof Answer>

/** Told of a plain request in place of `request`. */
export type TakePlain = (request: PlainRequest, answer: PlainAnswer) => void

export class PlainServer extends Server<typeof IncomingMessage, typeof Answer> {
  readonly #connections = new Set<PlainConnection>()

  constructor(options: ListenerOptions, take: TakePlain) {
    super(options)
    // What reads a connection is told of it by an event, which programs may send as well: so it is given what is not plain.
    const listeners = this.listeners('connection')
    this.removeAllListeners('connection')
    const owner: ConnectionOwner = {
      take,
      passOn: (socket, bytes) => {
        for (const listener of listeners) listener.call(this, socket)
        socket.resume()
        // Read already, and by nobody else: what comes next is behind it.
        socket.emit('data', bytes)
      },
      isEnding: () => !this.listening,
      gone: (connection) => void this.#connections.delete(connection),
    }
    this.on('connection', (socket: Socket) => void this.#connections.add(new PlainConnection(socket, owner)))
  }

  /** `close` begins with it. Those at rest end now, the others with the answer they are at. */
  override closeIdleConnections(): void {
    super.closeIdleConnections()
    for (const connection of this.#connections) connection.endIfIdle()
  }

  override closeAllConnections(): void {
    super.closeAllConnections()
    for (const { socket } of this.#connections) socket.destroy()
  }
}
