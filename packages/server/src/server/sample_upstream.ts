// The demo's sample API: answers every request with what it received, so that one sees what a guarded upstream sees.
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'

const MAX_SHOWN_BYTES = 64 * 1024

/** Not listening yet. */
export function createSampleUpstream(): Server {
  return createServer((request, response) => {
    void readBody(request).then(
      (body) => {
        const received = { method: request.method, path: request.url, headers: request.headers, body }
        response.writeHead(200, { 'content-type': 'application/json' }).end(`${JSON.stringify(received, null, 2)}\n`)
      },
      () => response.destroy(),
    )
  })
}

/** The body as text, its first 64 KiB. */
async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (length < MAX_SHOWN_BYTES) chunks.push(chunk)
    length += chunk.length
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_SHOWN_BYTES)
}
