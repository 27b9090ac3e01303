// Many different requests over a few kept connections, one in flight on each: what wrk, which repeats one, cannot say.
import { connect } from 'node:net'

export interface Conversation {
  readonly origin: string
  readonly connections: number
  readonly count: number
  /** @param index from 0 to `count` - 1 */
  readonly request: (index: number) => Buffer
  /** Told of the body of each answer. */
  readonly answered?: (index: number, body: string) => void
}

/** Resolves with the seconds it took. Rejects at the first answer that is not 2xx, and when a connection breaks. */
export async function converse(conversation: Conversation): Promise<number> {
  const began = performance.now()
  let next = 0
  await Promise.all(Array.from({ length: conversation.connections }, () => talk(conversation, () => next++)))
  return (performance.now() - began) / 1000
}

function talk({ origin, count, request, answered }: Conversation, take: () => number): Promise<void> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let received = ''
    let index = take()
    let isOver = false
    const end = (error?: Error): void => {
      isOver = true
      socket.destroy()
      if (error) reject(error)
      else resolve()
    }
    const ask = (): void => {
      if (index >= count) end()
      else socket.write(request(index))
    }
    socket.setEncoding('latin1')
    socket.on('connect', ask)
    socket.on('error', end)
    socket.on('close', () => isOver || reject(new Error('the server closed a connection')))
    socket.on('data', (text: string) => {
      received += text
      const headEnd = headOf(received)
      if (headEnd < 0 || received.length < headEnd + lengthOf(received, headEnd)) return
      if (!received.startsWith('HTTP/1.1 2')) return end(new Error(`request ${index} was answered ${received.slice(0, 400)}`))
      answered?.(index, received.slice(headEnd))
      received = ''
      index = take()
      ask()
    })
  })
}

/** Where the body begins; below zero while the head is not complete. */
function headOf(received: string): number {
  const end = received.indexOf('\r\n\r\n')
  return end < 0 ? -1 : end + 4
}

function lengthOf(received: string, headEnd: number): number {
  return Number(/\r\ncontent-length: *(\d+)/i.exec(received.slice(0, headEnd))?.[1] ?? 0)
}
