// A token endpoint that counts, and an API beside it: real servers, so that every figure is what came over the wire.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TokenEndpoint {
  readonly tokenUrl: string
  readonly apiUrl: string
  /** Token requests so far. */
  readonly count: () => number
  readonly close: () => Promise<void>
}

/** The API takes this long for an answer. */
const API_MS = 5

/** @param lifetime of every token, in seconds */
export async function startTokenEndpoint(lifetime: number): Promise<TokenEndpoint> {
  let count = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      if (request.method === 'GET') return setTimeout(() => response.writeHead(204).end(), API_MS)
      count++
      const body = JSON.stringify({ access_token: `bench-token-${count}`, token_type: 'Bearer', expires_in: lifetime })
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      return response.end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    tokenUrl: `${origin}/token`,
    apiUrl: `${origin}/api`,
    count: () => count,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
