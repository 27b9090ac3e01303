// Our own load generator: raw sockets, one request in flight on each, answers measured from the first byte sent to the last received.
// A process of its own: BENCH_LOAD says what to do, one line of JSON says what came of it.
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import type { Load, LoadResult } from './loader.ts'

const { url, body, headers = {}, authorizations = [], connections, seconds } = JSON.parse(process.env['BENCH_LOAD'] ?? '{}') as Load
const { hostname, port, host, pathname } = new URL(url)
const messageOf = (fields: Readonly<Record<string, string>>): Buffer => {
  const head = [
    `${body === undefined ? 'GET' : 'POST'} ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`, 'latin1')
}
const messages =
  authorizations.length === 0 ? [messageOf(headers)] : authorizations.map((Authorization) => messageOf({ ...headers, Authorization }))
let turn = 0
/** Those of the load, again and again. */
const nextMessage = (): Buffer => {
  turn += 1
  return messages[turn % messages.length] ?? Buffer.alloc(0)
}

const latencies: number[] = []
let failures = 0
const started = performance.now()
const end = started + seconds * 1000

await Promise.all(Array.from({ length: connections }, converse))
const elapsed = (performance.now() - started) / 1000
const sorted = Float64Array.from(latencies).sort()
const result: LoadResult = { requests: sorted.length, seconds: elapsed, p50Ms: quantile(0.5), p99Ms: quantile(0.99), failures }
process.stdout.write(`RESULT ${JSON.stringify(result)}\n`)

/** One connection until the time is over; a broken one counts as a failure and is not opened again. */
function converse(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let received = ''
    let sentAt = 0
    const ask = (): void => {
      sentAt = performance.now()
      socket.write(nextMessage())
    }
    socket.setEncoding('latin1')
    socket.on('connect', ask)
    socket.on('data', (text: string) => {
      received += text
      const length = answerLength(received)
      if (received.length < length) return
      const now = performance.now()
      latencies.push(now - sentAt)
      if (!received.startsWith('HTTP/1.1 2')) failures++
      received = ''
      if (now < end) ask()
      else finish(socket, resolve)
    })
    socket.on('error', () => {
      failures++
      finish(socket, resolve)
    })
    socket.on('end', () => {
      if (performance.now() < end) failures++
      finish(socket, resolve)
    })
  })
}

function finish(socket: Socket, resolve: () => void): void {
  socket.destroy()
  resolve()
}

/** Characters of the whole answer; infinite while its head is not complete. Every server under test sends a Content-Length. */
function answerLength(received: string): number {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return Number.POSITIVE_INFINITY
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, headEnd))?.[1]
  if (length === undefined) throw new Error('an answer has no Content-Length, and this generator reads no chunks')
  return headEnd + 4 + Number(length)
}

function quantile(share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}
