// Upstreams for tests of guarded APIs, on free ports.
import { once } from 'node:events'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSampleUpstream } from '../../src/server/sample_upstream.ts'

export interface Upstream {
  readonly origin: string
  close(): Promise<void>
}

export function startUpstream(listener: RequestListener): Promise<Upstream> {
  return listening(createServer(listener))
}

/** Answers with what it received: `{method, path, headers, body}`. */
export function startEcho(): Promise<Upstream> {
  return listening(createSampleUpstream())
}

async function listening(server: Server): Promise<Upstream> {
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
