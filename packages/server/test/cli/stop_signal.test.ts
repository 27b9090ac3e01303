// The first signal asks, the second does not wait; a Ctrl-C that arrives twice is one key.
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { stopSignal } from '../../src/cli/stop_signal.ts'

class Source extends EventEmitter {
  readonly exits: number[] = []
  ppid = 100
  env: Record<string, string> = {}
  exit(code: number): void {
    this.exits.push(code)
  }
}

test('the first signal resolves, whichever it is, and ends nothing', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const source = new Source()
    const stop = stopSignal(source)
    source.emit(signal, signal)
    assert.equal(await stop, signal)
    assert.deepEqual(source.exits, [])
  }
})

test('a second SIGTERM ends the program at once with 1', () => {
  const source = new Source()
  void stopSignal(source, () => 0)
  source.emit('SIGTERM', 'SIGTERM')
  source.emit('SIGTERM', 'SIGTERM')
  assert.deepEqual(source.exits, [1])
})

test('a Ctrl-C that npm passes on a second time is the same key, a later one is not', () => {
  const source = new Source()
  let nowMs = 1000
  void stopSignal(source, () => nowMs)
  source.emit('SIGINT', 'SIGINT')
  nowMs += 100
  source.emit('SIGINT', 'SIGINT')
  assert.deepEqual(source.exits, [])
  nowMs += 1000
  source.emit('SIGINT', 'SIGINT')
  assert.deepEqual(source.exits, [1])
})

test('under npm the end of the shell in between is a SIGTERM, and only there', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const [source, plain] = [new Source(), new Source()]
  source.env = { npm_lifecycle_event: 'start' }
  let plainStopped = false
  void stopSignal(plain).then(() => (plainStopped = true))
  const stop = stopSignal(source)
  t.mock.timers.tick(10_000)
  for (const one of [source, plain]) one.ppid = 1
  t.mock.timers.tick(1000)
  assert.equal(await stop, 'SIGTERM')
  assert.equal(plainStopped, false)
  assert.deepEqual(source.exits, [])
})
