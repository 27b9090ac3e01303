// Server-sent events, however the network cuts them.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { EventStreamReader } from '../src/event_stream.ts'

test('names, numbers and data are read, comments and what is unknown are passed over', () => {
  const text = ': hi\nretry: 1000\n\nevent: a\nid: n-1\ndata: {"x":1}\n\ndata:two\r\ndata: lines\r\n\r\nid: n-2\n\nevent: unfinished\n'
  assert.deepEqual(new EventStreamReader().push(text), [
    { event: 'a', data: '{"x":1}', id: 'n-1' },
    { event: 'message', data: 'two\nlines', id: 'n-1' },
  ])
})

test('an event is the same wherever it is cut', () => {
  const line = fc.string({ unit: fc.constantFrom('a', 'é', ' ', ':', '{', '"'), maxLength: 20 })
  const events = fc.array(fc.record({ event: fc.constantFrom('a', 'b'), data: line }), { maxLength: 8 })
  fc.assert(
    fc.property(events, fc.array(fc.nat({ max: 400 }), { maxLength: 10 }), (wanted, cuts) => {
      const text = wanted.map(({ event, data }) => `event: ${event}\ndata: ${data}\n\n`).join('')
      const reader = new EventStreamReader()
      const at = [0, ...cuts.filter((cut) => cut < text.length).sort((one, other) => one - other), text.length]
      const got = at.slice(1).flatMap((end, index) => reader.push(text.slice(at[index], end)))
      const plain = (list: readonly { event: string; data: string }[]) => list.map(({ event, data }) => [event, data])
      assert.deepEqual(plain(got), plain(wanted))
    }),
  )
})

test('an event without end is refused, whatever it is made of', () => {
  for (const piece of ['a'.repeat(1000), `data: ${'a'.repeat(1000)}\n`]) {
    const reader = new EventStreamReader()
    assert.throws(() => {
      for (let i = 0; i < 100; i++) reader.push(piece)
    }, RangeError)
  }
})
