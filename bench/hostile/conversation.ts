// One kept connection, one request at a time, and how long each took.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Told {
  readonly status: number
  readonly text: string
  readonly ms: number
}

export interface Conversation {
  /** Rejects where the connection breaks. */
  readonly ask: (asked: Asked) => Promise<Told>
  readonly close: () => void
}

export function converse(origin: string): Conversation {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const { hostname, port } = new URL(origin)
  return {
    async ask({ body = '', ...asked }) {
      const sent = request({ agent, hostname, port, ...asked, headers: { ...asked.headers, 'content-length': Buffer.byteLength(body) } })
      const began = performance.now()
      sent.end(body)
      const [response] = await once(sent, 'response')
      const said = await text(response)
      return { status: response.statusCode, text: said, ms: performance.now() - began }
    },
    close: () => agent.destroy(),
  }
}
