// A way through TCP from a node to its database that can be cut, held up and slowed down: for machines without network namespaces too.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export interface Way {
  readonly port: number
  /** Connections break, and new ones break at once. */
  cut(): void
  /** Connections stand, and nothing passes: a cable that was pulled. */
  hold(): void
  /** Everything passes so much later, each way. */
  slow(milliseconds: number): void
  /** All is well: what broke stays broken, what was held passes. */
  mend(): void
  close(): Promise<void>
}

interface Pipe {
  readonly from: Socket
  readonly to: Socket
}

/** @param port of the database, on this machine */
export async function startWay(port: number): Promise<Way> {
  const pipes = new Set<Pipe>()
  let state: 'open' | 'cut' | 'held' = 'open'
  let delay = 0
  const settle = (): void => {
    for (const { from, to } of pipes) {
      for (const one of [from, to]) {
        if (state === 'held') one.pause()
        else if (state === 'cut') one.destroy()
        else one.resume()
      }
    }
  }
  const join = (one: Socket, other: Socket, pipe: Pipe): void => {
    const late: { readonly bytes: Buffer; readonly due: number }[] = []
    const deliver = (): void => {
      const now = performance.now()
      while (late[0] !== undefined && late[0].due <= now) {
        const { bytes } = late.shift() ?? {}
        if (bytes !== undefined && !other.destroyed) other.write(bytes)
      }
      if (late[0] !== undefined) setTimeout(deliver, Math.max(1, late[0].due - now))
    }
    one.on('data', (bytes: Buffer) => {
      const last = late.at(-1)
      if (delay === 0 && last === undefined) other.write(bytes)
      else {
        // In order, whatever the delay has become meanwhile.
        late.push({ bytes, due: Math.max(performance.now() + delay, last?.due ?? 0) })
        if (last === undefined) setTimeout(deliver, delay)
      }
    })
    one
      .on('error', () => undefined)
      .on('close', () => {
        pipes.delete(pipe)
        other.destroy()
      })
  }
  const server = createServer((from) => {
    if (state === 'cut') return void from.destroy()
    const to = connect(port, '127.0.0.1')
    const pipe = { from: from.setNoDelay(), to: to.setNoDelay() }
    pipes.add(pipe)
    join(from, to, pipe)
    join(to, from, pipe)
    if (state === 'held') settle()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const become = (next: typeof state): void => {
    state = next
    settle()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => become('cut'),
    hold: () => become('held'),
    slow: (milliseconds) => {
      delay = milliseconds
    },
    mend: () => {
      delay = 0
      become('open')
    },
    close: async () => {
      become('cut')
      server.close()
      await once(server, 'close')
    },
  }
}
