// On loopback the management listener knows its own names only: a page whose host name was made to lead here reads nothing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { createManagement } from '../../src/server/management.ts'

test('on loopback the loopback names are answered, with and without a port', async (t) => {
  const port = await started(t, '127.0.0.1')
  for (const host of [`127.0.0.1:${port}`, '127.0.0.1', '127.8.9.10', `localhost:${port}`, 'LOCALHOST', 'ops.localhost', `[::1]:${port}`]) {
    assert.equal(await statusOf(port, '/metrics', host), 200, host)
  }
})

test('a health check that names no host is answered', async (t) => {
  const port = await started(t, '127.0.0.1')
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write('GET /health/live HTTP/1.0\r\n\r\n')
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  assert.match(bytes.toString(), /^HTTP\/1\.1 200 /)
})

test('where the listener is open to others, they call it what they like', async (t) => {
  const port = await started(t, '0.0.0.0')
  assert.equal(await statusOf(port, '/health/ready', 'node-3.inside.example'), 200)
})

test('on loopback any other name is answered with 421, whatever is asked for', async (t) => {
  const port = await started(t, '127.0.0.1')
  for (const host of ['rebound.example', `rebound.example:${port}`, '127.0.0.1.rebound.example', 'localhost.rebound.example', '10.0.0.1']) {
    for (const path of ['/metrics', '/health/ready', '/health/live', '/']) {
      assert.equal(await statusOf(port, path, host), 421, `${path} of '${host}'`)
    }
  }
})

async function started(t: TestContext, address: string): Promise<number> {
  const server = createManagement({ ready: async () => ({ status: 'ok', checks: {} }), metrics: () => 'countersign_up 1\n' })
  server.listen(0, address)
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function statusOf(port: number, path: string, host: string): Promise<number | undefined> {
  const sent = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}
