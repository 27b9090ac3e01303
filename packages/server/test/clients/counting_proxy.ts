// Stands between a client and the server and counts what passes, so that a test sees the requests and not what the client says of them.
import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CountingProxy {
  readonly origin: string
  /** `POST /path` of each request, in the order of their coming. */
  readonly seen: readonly string[]
  close(): Promise<void>
}

export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const seen: string[] = []
  const { hostname, port } = new URL(target)
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    const { method, url: path, headers } = request
    const passed = forward({ hostname, port, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    request.pipe(passed)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
