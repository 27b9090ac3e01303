// Answers that stay open, to somebody who does not read them.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Outlet } from '../../src/issue/streamed_response.ts'
import { stream } from '../../src/server/stream.ts'
import { connectTo, listening } from '../gateway/gate.ts'

test('an answer that is at its end lets go of a connection that nobody reads', { timeout: 20_000 }, async (t) => {
  const ended = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const server = createServer((_request, response) =>
    stream(response, {
      status: 200,
      headers: {},
      begin(outlet) {
        void fill(outlet).then(() => ended.resolve(outlet.end()))
        return gone.resolve
      },
    }),
  )
  const front = await listening(server)
  t.after(() => front.close())
  const socket = await connectTo(front.origin)
  t.after(() => socket.destroy())
  t.mock.timers.enable({ apis: ['setTimeout'] })
  socket.pause().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await ended.promise
  assert.equal(await connections(server), 1)
  t.mock.timers.tick(5_000)
  await gone.promise
})

/** Turn by turn, so that what the system takes has been taken. */
async function fill({ write }: Outlet): Promise<void> {
  while (write('x'.repeat(65_536))) await turn()
}

function connections(server: ReturnType<typeof createServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
