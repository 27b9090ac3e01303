// Thousands of requests of all kinds, those that go wrong among them: each ends once with its own answer, and nothing is left behind.

import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startSockets } from '../gate.ts'
import type { Asking, Wish } from './asking.ts'
import { answerOf, asking, OK, open, turns } from './asking.ts'

const warnings: Error[] = []
const hear = (warning: Error): unknown => warnings.push(warning)
process.on('warning', hear)
after(() => process.off('warning', hear))

const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`
const TWO = `${answerOf('x')}${answerOf('poison')}`

/** What the upstream does, by the first word of the path; the second is who asks. */
const plays: Readonly<Record<string, (socket: Socket, who: string) => unknown>> = {
  good: (socket, who) => socket.write(answerOf(who)),
  chunks: (socket, who) => socket.write(`${CHUNKED}${who.length.toString(16)}\r\n${who}\r\n0\r\n\r\n`),
  close: (socket, who) => socket.end(answerOf(who, 'Connection: close')),
  open: (socket, who) => socket.end(`${OK}\r\n${who}`),
  late: (socket, who) => setImmediate(() => socket.write(answerOf(who))),
  two: (socket) => socket.write(TWO),
  end: (socket) => socket.end(),
  reset: (socket) => socket.resetAndDestroy(),
  half: (socket) => socket.end(`${OK}Content-Length: 9\r\n\r\nhalf`),
  bad: (socket) => socket.write('nonsense\r\n\r\n'),
  silent: () => undefined,
  switch: (socket) => socket.write('HTTP/1.1 101 x\r\n\r\n'),
}
const kinds = Object.keys(plays)

function wishOf(i: number): Wish {
  const kind = kinds[i % kinds.length] ?? ''
  const path = `/${kind}/${i}`
  const nth = Math.floor(i / kinds.length) % 8
  if (kind === 'switch') return { path, protocol: nth % 2 === 0 ? 'x' : undefined, onSwitch: (_head, socket) => socket.destroy() }
  if (nth === 1) return { path, method: 'POST', body: Readable.from([Buffer.from('some'), Buffer.from('more')]) }
  if (nth === 2) return { path, method: 'POST', fields: ['content-length', '4'], body: Readable.from([Buffer.from('some')]) }
  if (nth === 3) return { path, method: 'POST', body: new PassThrough().on('error', () => undefined).destroy(new Error('gone')) }
  if (nth === 4) return { path, onLine: () => false }
  return { path }
}

test('thousands of requests, a third of which go wrong: each ends once, with its own answer, and nothing is left', async (t) => {
  const played = await startSockets((socket, head) => {
    const [, kind = '', who = ''] = (head.split(' ')[1] ?? '').split('/')
    plays[kind]?.(socket, who)
  })
  const before = process.getActiveResourcesInfo().filter((one) => /TCPSocket|Timeout/.test(one)).length
  const upstream = open(played.origin, { timeoutMs: 1_000 })
  t.after(() => Promise.all([upstream.close(), played.close()]))
  const all: Asking[] = []
  for (let i = 0; i < 2_400; i += 1) {
    const one = asking(wishOf(i))
    all.push(one)
    upstream.send(one)
    // Some go before they have a connection, some when they have one.
    if (i % 13 === 0) setImmediate(() => (one.line ? one.line.drop() : upstream.forget(one)))
    if (i % 200 === 199) await pause(5)
  }
  const isGone = (one: Asking, i: number): boolean =>
    i % 13 === 0 || (Math.floor(i / kinds.length) % 8 === 4 && !one.path.startsWith('/switch'))
  await Promise.all(all.filter((one, i) => !isGone(one, i)).map(({ ended }) => ended))
  await upstream.close()
  await turns()
  for (const [i, one] of all.entries()) {
    const ends = one.calls.filter((call) => ['answered', 'failed', 'switched'].includes(call))
    if (isGone(one, i)) assert.ok(ends.length <= 1, one.path)
    else assert.equal(ends.length, 1, `${one.path}: ${one.calls.join(' ')}`)
    if (ends[0] !== 'answered') continue
    const [, kind = '', who] = one.path.split('/')
    assert.equal((await one.ended).body, kind === 'two' ? 'x' : who)
  }
  assert.ok(all.filter(({ calls }) => calls.includes('answered')).length > 300)
  for (const socket of played.sockets) socket.destroy()
  await turns()
  const left = process.getActiveResourcesInfo().filter((one) => /TCPSocket|Timeout/.test(one)).length
  assert.ok(left <= before, `${left} sockets and timers are left, ${before} were there before`)
  assert.deepEqual(warnings, [])
})

test('a connection that has answered a thousand times has as many listeners as at first', async () => {
  const counts = new Set<number>()
  const played = await startSockets((socket, head) => {
    if (!head.startsWith('0')) socket.write(answerOf('x'))
  })
  const upstream = open(played.origin)
  for (let i = 0; i < 1_000; i += 1) {
    const body = new PassThrough()
    const one = asking(i % 2 === 0 ? {} : { method: 'POST', fields: ['content-length', '4'], body })
    upstream.send(one)
    body.end('some')
    assert.equal((await one.ended).how, 'answered')
    counts.add(['data', 'end', 'error', 'close'].reduce((sum, event) => sum + body.listenerCount(event), 0))
    await turns(1)
  }
  assert.equal(played.sockets.length, 1)
  assert.deepEqual(warnings, [])
  assert.ok(counts.size <= 2, [...counts].join())
  await upstream.close()
  await played.close()
})
