// A listener's beginning and end: when it listens, where, and that it is closed.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @param reusePort several processes may listen there, each for itself. Rejects with the system's error */
export async function listen(server: Server, host: string, port: number, reusePort = false): Promise<void> {
  server.listen({ host, port, reusePort })
  await once(server, 'listening')
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** Its answers are small. What has not become a whole request by then has no timeout either once the server is closed. */
const ENOUGH_MS = 1_000

export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return
  const enough = setTimeout(() => server.closeAllConnections(), ENOUGH_MS)
  server.close()
  server.closeIdleConnections()
  await once(server, 'close')
  clearTimeout(enough)
}
