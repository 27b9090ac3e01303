// `client.fetch` for libraries that call fetch with a Request: its body is a stream, which can be sent only once. Small bodies are
// read first, so that a call whose token is refused can be tried again; large ones stream as before.
import type { Client } from './client.ts'
import { joined } from './joined_chunks.ts'

const WHOLE_UP_TO = 64 * 1024

/** For any library that takes a `fetch`. @throws as Client.fetch */
export function replayableFetch(client: Pick<Client, 'fetch'>): typeof globalThis.fetch {
  return async (input, init) => {
    if (!(input instanceof Request) || input.body === null || init?.body !== undefined) return client.fetch(input, init)
    const { method, headers, redirect, signal } = input
    const body = await readAhead(input.body)
    const duplex = body instanceof ReadableStream ? { duplex: 'half' as const } : {}
    return client.fetch(input.url, { method, headers, redirect, signal, ...init, body, ...duplex })
  }
}

/** The whole body if it is small, else a stream of the same bytes. */
async function readAhead(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>> {
  const reader = stream.getReader()
  const chunks: Uint8Array<ArrayBuffer>[] = []
  let length = 0
  while (length <= WHOLE_UP_TO) {
    const { done, value } = await reader.read()
    if (done) return joined(chunks, length)
    chunks.push(value)
    length += value.byteLength
  }
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
    },
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}
