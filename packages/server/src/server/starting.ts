// What the public listener answers while the server is starting.
import type { Outgoing } from '../gateway/messages.ts'

/** The ports must be open before the realms' issuers are known: until then no answer but this one would be true. */
export function answerStarting(response: Outgoing): true {
  const body = JSON.stringify({ title: 'Starting', status: 503, detail: 'The server is starting. Try again in a second.' })
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'retry-after': '1' }
  response.writeHead(503, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  return true
}
