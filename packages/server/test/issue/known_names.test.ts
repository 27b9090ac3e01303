// One bound for all realms: what is dropped, what stays, and that nothing is found under another realm's name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KnownNames } from '../../src/issue/known_names.ts'

test('as many as fit are all kept, of whichever realms', () => {
  const known = new KnownNames<number>(100)
  for (let n = 0; n < 100; n += 1) known.keep(`realm-${n % 7}`, `name-${n}`, n)
  for (let n = 0; n < 100; n += 1) assert.equal(known.get(`realm-${n % 7}`, `name-${n}`), n)
  assert.equal(known.get('realm-1', 'name-0'), undefined)
})

test('ten thousand realms together hold no more than one', () => {
  const known = new KnownNames<number>(100)
  for (let n = 0; n < 10_000; n += 1) known.keep(`realm-${n}`, 'name', n)
  assert.equal(known.size, 100)
  let found = 0
  for (let n = 0; n < 10_000; n += 1) if (known.get(`realm-${n}`, 'name') !== undefined) found += 1
  assert.equal(found, 100)
})

test('what is asked for again and again outlives a thousand that come once', () => {
  const known = new KnownNames<string>(20)
  for (const name of ['a', 'b', 'c']) known.keep('realm', name, name)
  for (let n = 0; n < 1000; n += 1) {
    for (const name of ['a', 'b', 'c']) assert.equal(known.get('realm', name), name)
    known.keep('realm', `once-${n}`, 'once')
  }
})

test('where all are in use one is dropped all the same', () => {
  const known = new KnownNames<number>(200)
  for (let n = 0; n < 200; n += 1) known.keep('realm', `${n}`, n)
  for (let n = 0; n < 200; n += 1) known.get('realm', `${n}`)
  known.keep('realm', 'new', -1)
  assert.equal(known.get('realm', 'new'), -1)
  assert.equal(known.size, 200)
})

test('a realm whose last name makes way for another of its own keeps that one', () => {
  const known = new KnownNames<string>(1)
  known.keep('realm', 'first', 'first')
  known.keep('realm', 'second', 'second')
  assert.equal(known.get('realm', 'first'), undefined)
  assert.equal(known.get('realm', 'second'), 'second')
})

test('whatever comes and is asked for, what is found is what was kept last, and never more than the bound', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.record({ realm: fc.constantFrom('x', 'y', 'z'), name, keep: fc.boolean(), clear: fc.integer({ min: 0, max: 30 }) })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
      const known = new KnownNames<number>(capacity)
      const last = new Map<string, number>()
      for (const [n, one] of steps.entries()) {
        if (one.clear === 0) {
          known.clear()
          last.clear()
        }
        if (one.keep) {
          known.keep(one.realm, one.name, n)
          last.set(`${one.realm} ${one.name}`, n)
          assert.equal(known.get(one.realm, one.name), n)
        } else {
          const found = known.get(one.realm, one.name)
          if (found !== undefined) assert.equal(found, last.get(`${one.realm} ${one.name}`))
        }
        assert.ok(known.size <= capacity)
      }
    }),
  )
})
