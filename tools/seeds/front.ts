// The https front: takes the place of the pages' hosts on a free loopback port and passes each request on to the demo as it came,
// Host and the spelling of every header included.
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpRequest } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import type { Certificate } from './certificate.ts'

export interface Front {
  readonly port: number
  close(): Promise<void>
}

/** @param origin of the demo's public listener */
export async function startFront({ certificate, key }: Certificate, origin: string): Promise<Front> {
  const { hostname, port } = new URL(origin)
  const server = createServer({ cert: certificate, key }, (incoming, response) => passOn(incoming, response, { hostname, port }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function passOn(incoming: IncomingMessage, response: ServerResponse, to: { readonly hostname: string; readonly port: string }): void {
  const { method, url: path, rawHeaders: headers } = incoming
  const outgoing = httpRequest({ ...to, method, path, headers, agent: false, setDefaultHeaders: false })
  outgoing.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answer.rawHeaders)
    pipeline(answer, response, () => undefined)
  })
  outgoing.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502, { 'content-type': 'text/plain' }).end('The demo behind the front does not answer.\n')
  })
  pipeline(incoming, outgoing, () => undefined)
}
