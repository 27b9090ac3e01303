// The end of a server: no new connections, answers in flight finish, and then it is gone.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { startUpstream } from '../harness/upstream.ts'
import { API, hashed } from '../issue/orders.ts'

test('told to close, the server refuses new connections, finishes the answer in flight, and lets go of the port', async () => {
  const SECRET = 'a secret that is long enough'
  const atUpstream = Promise.withResolvers<ServerResponse>()
  const upstream = await startUpstream((_request, response) => atUpstream.resolve(response))
  const server = await startConfigured({
    realms: [{ id: 'shop', audiences: [API], clients: [{ clientId: 'one', secret: hashed(SECRET) }] }],
    apis: [{ id: 'files', realm: 'shop', upstream: upstream.origin }],
  })
  const { json } = await postForm(`${server.origin}/realms/shop/oauth2/token`, { grant_type: 'client_credentials' }, basic('one', SECRET))
  const { hostname, port } = new URL(server.origin)
  const agent = new Agent({ keepAlive: true })
  const sent = request({
    hostname,
    port,
    path: '/apis/files/slow',
    agent,
    headers: { authorization: `Bearer ${String(json['access_token'])}` },
  })
  sent.end()
  const response = await atUpstream.promise
  response.write('half')
  const [answer] = await once(sent, 'response')
  assert.equal(String((await once(answer, 'data'))[0]), 'half')

  const closed = server.close()
  await refused(hostname, Number(port))
  response.end(' and half')
  assert.equal(String((await once(answer, 'data'))[0]), ' and half')
  await closed
  agent.destroy()
  assert.deepEqual(server.reports, [])
  await upstream.close()
})

/** Resolves once connections are refused. */
async function refused(host: string, port: number): Promise<void> {
  while (true) {
    const socket = connect(port, host)
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      socket.once('connect', () => resolve(undefined)).once('error', resolve)
    })
    socket.destroy()
    if (error) return assert.equal(error.code, 'ECONNREFUSED')
  }
}
