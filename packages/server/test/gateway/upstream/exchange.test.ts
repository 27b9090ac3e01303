// What the gateway makes of what becomes of a request: again where it does no harm and nothing has come, and never without a bound.

import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Exchange } from '../../../src/gateway/exchange.ts'
import type { AnswerHead } from '../../../src/gateway/upstream/answer_head.ts'
import type { Ask, AskListener, Line } from '../../../src/gateway/upstream/ask.ts'
import { UpstreamFailed } from '../../../src/gateway/upstream/ask.ts'
import type { Upstream } from '../../../src/gateway/upstream/upstream.ts'
import { sendAs } from '../../harness/raw.ts'
import type { Upstream as Front } from '../../harness/upstream.ts'
import type { SocketUpstream } from '../gate.ts'
import { listening, startGate, startSockets } from '../gate.ts'
import { answerOf } from './asking.ts'

type Asked = Ask & AskListener
let front: Front
let play: (ask: Asked, nth: number) => void = () => undefined
let isCrowded = false
let asked: Asked[] = []
let forgotten: unknown[] = []

const upstream: Upstream = {
  send: (ask) => play(ask, asked.push(ask)),
  forget: (ask) => forgotten.push(ask),
  isCrowded: () => isCrowded,
  isFull: () => false,
  isWell: async () => true,
  close: async () => undefined,
}
const line: Line = { drop: () => undefined, pause: () => undefined, resume: () => undefined }

before(async () => {
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const order = { request, response, upgrade: undefined, answerHeaders: {}, maxBodyBytes: null, timeoutMs: 100, retries: 2 }
    new Exchange(order, () => undefined).start(upstream, { path: '/', fields: [] })
  }
  front = await listening(createServer(listener))
})
after(() => front.close())
beforeEach(() => {
  isCrowded = false
  asked = []
  forgotten = []
})

const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' })

for (const [what, options, error, begun, times] of [
  ['GET', {}, reset(), false, 3],
  ['GET whose connection ended', {}, new UpstreamFailed('UPSTREAM_CLOSED'), false, 3],
  ['DELETE', { method: 'DELETE' }, reset(), false, 3],
  ['POST', { method: 'POST' }, reset(), false, 1],
  ['PATCH', { method: 'PATCH' }, reset(), false, 1],
  ['GET with a body', { body: 'x', headers: { 'content-length': '1' } }, reset(), false, 1],
  ['GET of which the upstream has said something', {}, reset(), true, 1],
  ['GET that took too long', {}, new UpstreamFailed('UPSTREAM_TIMEOUT'), false, 1],
  ['GET that was answered with nonsense', {}, new Error('nonsense'), false, 1],
] as const) {
  test(`asked ${times} times: ${what}`, async () => {
    play = (ask) => {
      ask.onLine(line)
      if (begun) ask.onBegun()
      ask.onError(error)
    }
    const { status } = await sendAs(`${front.origin}/`, options)
    assert.deepEqual([status, asked.length], [what.endsWith('long') ? 504 : 502, times])
  })
}

test('tried again where every connection is taken, it waits no longer than another', async () => {
  play = (ask, nth) => {
    if (nth > 1) return
    ask.onLine(line)
    isCrowded = true
    ask.onError(reset())
  }
  const { status, json } = await sendAs(`${front.origin}/`)
  assert.deepEqual([status, json['code'], asked.length], [503, 'upstream_busy', 2])
  while (forgotten.length === 0) await turn()
  assert.deepEqual(forgotten, [asked[0]])
  assert.equal(asked[0]?.onLine(line), false)
})

test('what once waited for a connection, and has one now, is not called too late', async () => {
  isCrowded = true
  play = (ask, nth) => {
    if (nth === 1) return ask.onError(reset())
    ask.onLine(line)
    setTimeout(() => {
      ask.onHead({ status: 200, fields: [] } as unknown as AnswerHead)
      ask.onEnd()
    }, 200)
  }
  const { status } = await sendAs(`${front.origin}/`)
  assert.deepEqual([status, asked.length], [200, 2])
})

test('a method that few know is passed on, and what is told in a name that objects have is no trouble', async () => {
  const heads: string[] = []
  const played: SocketUpstream = await startSockets((socket, head) => {
    heads.push(head)
    socket.write(answerOf('x', '__proto__: y', 'constructor: z', 'toString: t'))
  })
  const gate = await startGate(played.origin)
  for (const method of ['M-SEARCH', 'PROPFIND', 'QUERY']) {
    const { status, headers, text } = await gate.call('/x', { method })
    assert.deepEqual([status, text, headers['constructor'], headers['tostring']], [200, 'x', 'z', 't'])
  }
  assert.deepEqual(
    heads.map((head) => head.split(' ')[0]),
    ['M-SEARCH', 'PROPFIND', 'QUERY'],
  )
  await gate.close()
  await played.close()
})
