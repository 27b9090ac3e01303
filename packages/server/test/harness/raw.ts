// Requests that fetch would not send: under another Host, with two of a header, broken on purpose. Over real sockets.
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: Record<string, unknown>
}

/** A request with any headers, `host` among them; names may repeat when given as a flat list. */
export async function sendAs(
  url: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string> | readonly string[]; body?: string | Uint8Array } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  // The path as written: a URL parser would mend what is broken on purpose.
  const path = url.slice(url.indexOf('/', 'http://'.length))
  const listed = Array.isArray(headers) ? [...headers] : headers
  const sent = request({
    hostname,
    port,
    path,
    method,
    headers: listed as string[] | Record<string, string>,
    agent: false,
    setHost: !Array.isArray(headers),
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: asObject(text) }
}

/** Bytes as they are to the server, and everything it says until it hangs up. The bytes must make it hang up. */
export async function exchange(origin: string, bytes: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.setTimeout(20_000, () => socket.destroy(new Error('the server neither answered nor hung up')))
  // A server that refuses early may reset the connection while we still send: what it said before counts.
  let reset: Error | undefined
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reset = error
  })
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  socket.write(bytes)
  await closed
  if (reset) throw reset
  return Buffer.concat(chunks).toString('latin1')
}

/** The status of each response in what a server said, in order. */
export function statuses(said: string): number[] {
  return [...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}

function asObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
