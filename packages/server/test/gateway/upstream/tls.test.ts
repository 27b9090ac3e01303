// Upstreams over TLS: only who can prove its name is asked, the second time as the first.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createPlain } from 'node:net'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { generate } from 'selfsigned'
import type { Upstream } from '../../../src/gateway/upstream/upstream.ts'
import { answerOf, open, send } from './asking.ts'

type Proof = Pick<TlsOptions, 'key' | 'cert'>
let localhost: Proof
let elsewhere: Proof
let stranger: Proof
const servers: Server[] = []
const upstreams: Upstream[] = []
const sockets: Socket[] = []
/** Requests that reached an upstream, as `reused` or `new` session. */
const reached: string[] = []

const SHAPE = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

before(async () => {
  const authority = await generate([{ name: 'commonName', value: 'An authority of these tests' }], {
    ...SHAPE,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  })
  const prove = async (name: string, isSigned: boolean): Promise<Proof> => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: name }], {
      ...SHAPE,
      ...(isSigned && { ca: { key: authority.private, cert: authority.cert } }),
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
    })
    return { key, cert }
  }
  localhost = await prove('localhost', true)
  elsewhere = await prove('elsewhere.example', true)
  stranger = await prove('localhost', false)
  setDefaultCACertificates([...getCACertificates('default'), authority.cert])
})
after(async () => {
  for (const one of upstreams) await one.close()
  for (const one of sockets) one.destroy()
  for (const one of servers) one.close()
})

async function start(server: Server, name = 'localhost', timeoutMs = 5_000): Promise<Upstream> {
  servers.push(server)
  server.on('connection', (socket: Socket) => sockets.push(socket.on('error', () => undefined)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream = open(`https://${name}:${(server.address() as AddressInfo).port}`, { timeoutMs })
  upstreams.push(upstream)
  return upstream
}

const secured = (options: TlsOptions): Server =>
  createServer(options, (socket: TLSSocket) => {
    socket.on('error', () => undefined)
    socket.on('data', (text) => {
      reached.push(socket.isSessionReused() ? 'reused' : 'new')
      const fields = [`X-Server-Name: ${String(socket.servername)}`, `X-Protocol: ${String(socket.alpnProtocol)}`]
      socket.write(answerOf(String(text).split(' ')[1] ?? '', ...fields, ...(String(text).includes('/last') ? ['Connection: close'] : [])))
    })
  })

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const limits = { minVersion: version, maxVersion: version } as const

  test(`${version}: the name is asked for and proven, HTTP/1.1 agreed upon, and a session taken up again`, async () => {
    reached.length = 0
    const upstream = await start(secured({ ...localhost, ...limits, ALPNProtocols: ['h2', 'http/1.1'] }))
    const fields: string[] = []
    for (const path of ['/one', '/last', '/last']) {
      const { how, body, error } = await send(upstream, { path, onHead: (head) => fields.push(...head.fields) })
      assert.deepEqual([how, body], ['answered', path], String(error?.message))
      await turn()
    }
    assert.deepEqual(fields.slice(0, 4), ['x-server-name', 'localhost', 'x-protocol', 'http/1.1'])
    assert.deepEqual(reached, ['new', 'new', 'reused'])
  })

  test(`${version}: who proves another name is asked nothing, nor the second time, when a session could be taken up`, async () => {
    reached.length = 0
    const upstream = await start(secured({ ...elsewhere, ...limits }))
    for (let i = 0; i < 3; i += 1) assert.equal((await send(upstream)).error?.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
    assert.deepEqual(reached, [])
  })
}

test('who signed for himself is asked nothing', async () => {
  reached.length = 0
  const upstream = await start(secured(stranger))
  for (let i = 0; i < 2; i += 1) {
    const { how, error } = await send(upstream)
    assert.deepEqual([how, /SELF_SIGNED/.test(String(error?.code))], ['failed', true])
  }
  assert.equal(await upstream.isWell('/', 2_000), false)
  assert.deepEqual(reached, [])
})

test('an address must be in the certificate itself', async () => {
  reached.length = 0
  const upstream = await start(secured(localhost), '127.0.0.1')
  assert.equal((await send(upstream)).error?.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
  assert.deepEqual(reached, [])
})

test('who speaks HTTP/2 alone, no TLS, or nothing at all, fails the request in time', async () => {
  const newer = await start(secured({ ...localhost, ALPNProtocols: ['h2'] }))
  assert.equal((await send(newer)).how, 'failed')
  const plain = await start(createPlain((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
  assert.equal((await send(plain)).how, 'failed')
  const silent = await start(createPlain(), 'localhost', 60)
  assert.equal((await send(silent)).error?.code, 'UPSTREAM_TIMEOUT')
})
