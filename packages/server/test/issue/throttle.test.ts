// The throttles of the token endpoint: what they hold off, and whom they must never hold off. Their memory: throttle_memory.test.ts;
// over HTTP: throttle_endpoint.test.ts, password_throttle.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Throttle } from '../../src/issue/throttle.ts'
import { createThrottle } from '../../src/issue/throttle.ts'
import type { Rate } from '../../src/model/plan.ts'

interface Clocked extends ReturnType<typeof createThrottle> {
  readonly pass: (seconds: number) => void
}

function throttleAt(capacity?: number): Clocked {
  let now = Date.UTC(2026, 10, 21)
  const throttle = createThrottle({ nowMs: () => now, ...(capacity !== undefined && { capacity }) })
  return { ...throttle, pass: (seconds) => (now += seconds * 1000) }
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

describe("a client's rate", () => {
  const rate: Rate = { limit: 6, seconds: 60, burst: 3 }

  test('gives the burst, then refuses with the truth about when there is more', () => {
    const throttle = throttleAt()
    assert.deepEqual(throttle.draw('shop/a', rate, 0), { allowed: true, remaining: 3, reset: 0, retryAfter: 0 })
    assert.deepEqual(throttle.draw('shop/a', rate, 10), { allowed: true, remaining: 2, reset: 10, retryAfter: 0 })
    throttle.draw('shop/a', rate, 10)
    assert.deepEqual(throttle.draw('shop/a', rate, 10), { allowed: true, remaining: 0, reset: 30, retryAfter: 0 })
    assert.deepEqual(throttle.draw('shop/a', rate, 10), { allowed: false, remaining: 0, reset: 30, retryAfter: 10 })
    throttle.pass(9.999)
    assert.equal(throttle.draw('shop/a', rate, 10).retryAfter, 1)
    throttle.pass(0.001)
    assert.equal(throttle.draw('shop/a', rate, 10).allowed, true)
  })

  test('a token served again costs a tenth, and a look nothing', () => {
    const throttle = throttleAt()
    const served = times(30, () => throttle.draw('shop/a', rate, 1).allowed)
    assert.ok(served.every(Boolean))
    assert.deepEqual(throttle.draw('shop/a', rate, 1), { allowed: false, remaining: 0, reset: 30, retryAfter: 1 })
    assert.equal(throttle.draw('shop/a', rate, 0).allowed, true)
  })

  test('one client draws on nobody else’s', () => {
    const throttle = throttleAt()
    times(4, () => throttle.draw('shop/a', rate, 10))
    assert.equal(throttle.draw('shop/b', rate, 10).remaining, 2)
    assert.equal(throttle.draw('shopping/a', rate, 10).remaining, 2)
  })
})

describe('wrong client secrets', () => {
  const failed = (throttle: Throttle, { client = 'a', digest = 'x', address = '10.0.0.1' } = {}): number =>
    throttle.secretFailed('shop', client, digest, address)

  test('the same one again and again is told to wait after five, from wherever it comes, and a wait that was kept is rewarded', () => {
    const throttle = throttleAt()
    assert.deepEqual(
      times(7, (index) => failed(throttle, { address: `10.0.0.${index}` })),
      [0, 0, 0, 0, 0, 10, 10],
    )
    throttle.pass(10)
    assert.deepEqual([failed(throttle), failed(throttle)], [0, 10])
  })

  test('different ones for one client from one address are told to wait after twenty', () => {
    const throttle = throttleAt()
    const waits = times(22, (index) => failed(throttle, { digest: `${index}` }))
    assert.deepEqual(waits, [...Array<number>(20).fill(0), 3, 3])
    assert.equal(failed(throttle, { digest: 'new', address: '10.0.0.2' }), 0)
    assert.equal(failed(throttle, { digest: 'new', client: 'b' }), 0)
  })

  test('an address that tries one client after the other is told to wait after a hundred', () => {
    const throttle = throttleAt()
    const waits = times(102, (index) => failed(throttle, { client: `${index}` }))
    assert.deepEqual(waits, [...Array<number>(100).fill(0), 1, 1])
    assert.equal(failed(throttle, { client: 'new', address: '10.0.0.2' }), 0)
  })

  test('one realm’s failures are not another’s', () => {
    const throttle = throttleAt()
    times(6, () => failed(throttle))
    assert.equal(throttle.secretFailed('other', 'a', 'x', '10.0.0.1'), 0)
  })

  test('whoever owns an IPv6 network has one address', () => {
    const throttle = throttleAt()
    const waits = times(21, (index) => failed(throttle, { digest: `${index}`, address: `2001:db8::${index}` }))
    assert.deepEqual(waits.slice(19), [0, 3])
    assert.equal(failed(throttle, { digest: 'new', address: '2001:db8:0:1::1' }), 0)
  })
})

describe('password attempts', () => {
  const attempt = (throttle: Throttle, username = 'ada', address = '10.0.0.1') => throttle.attempt('shop', username, address)
  /** Guesses wrongly `count` times; how many were admitted. */
  const guess = (throttle: Throttle, count: number, username?: string, address?: string): number =>
    times(count, () => attempt(throttle, username, address)).filter((one) => one.admitted).length
  const signIn = (throttle: Throttle, username?: string, address?: string): boolean => {
    const one = attempt(throttle, username, address)
    if (one.admitted) one.succeeded()
    return one.admitted
  }
  const ENDS = ['abandoned', 'succeeded', 'succeeded', 'abandoned'] as const
  const waitOf = (one: ReturnType<Throttle['attempt']>): number => (one.admitted ? 0 : one.retryAfter)

  test('of one user from one address ten are heard at once, and then one in twenty seconds', () => {
    const throttle = throttleAt()
    assert.equal(guess(throttle, 64), 10)
    assert.equal(waitOf(attempt(throttle)), 20)
    throttle.pass(19)
    assert.equal(waitOf(attempt(throttle)), 1)
    throttle.pass(1)
    assert.equal(guess(throttle, 2), 1)
  })

  test('are paid for while they are looked at, and given back when they were right', () => {
    const throttle = throttleAt()
    const parallel = times(12, () => attempt(throttle))
    assert.deepEqual(
      parallel.map((one) => one.admitted),
      [...Array<boolean>(10).fill(true), false, false],
    )
    for (const one of parallel) if (one.admitted) one.succeeded()
    assert.equal(guess(throttle, 64), 10)
  })

  test('are given back once, whatever is called how often', () => {
    const throttle = throttleAt()
    guess(throttle, 8)
    const one = attempt(throttle)
    if (one.admitted) for (const end of ENDS) one[end]()
    assert.equal(guess(throttle, 64), 2)
  })

  test('that a malfunction ended cost nothing', () => {
    const throttle = throttleAt()
    const parallel = times(10, () => attempt(throttle))
    for (const one of parallel) if (one.admitted) one.abandoned()
    assert.equal(guess(throttle, 64), 10)
  })

  test('somebody’s own success pays for none of his guesses at others', () => {
    const throttle = throttleAt()
    let guessed = 0
    for (let round = 0; round < 400; round++) {
      signIn(throttle, 'mallory')
      guessed += guess(throttle, 1, `victim ${round}`)
    }
    assert.equal(guessed, 100)
  })

  test('of one user from many addresses fifty are heard, and then one in five seconds', () => {
    const throttle = throttleAt()
    const heard = times(20, (index) => guess(throttle, 10, 'ada', `10.0.1.${index}`))
    assert.deepEqual(heard, [...Array<number>(5).fill(10), ...Array<number>(15).fill(0)])
    assert.equal(waitOf(attempt(throttle, 'ada', '10.0.2.1')), 5)
    assert.equal(guess(throttle, 1, 'bob', '10.0.2.1'), 1)
  })

  test('from an address where the user has signed in lately are heard, whatever strangers do elsewhere', () => {
    const throttle = throttleAt()
    assert.ok(signIn(throttle, 'ada', '10.0.0.7'))
    times(20, (index) => guess(throttle, 10, 'ada', `10.0.1.${index}`))
    assert.ok(!attempt(throttle, 'ada', '10.0.0.8').admitted)
    assert.equal(guess(throttle, 64, 'ada', '10.0.0.7'), 10)
    throttle.pass(30 * 86_400)
    times(20, (index) => guess(throttle, 10, 'ada', `10.0.1.${index}`))
    assert.ok(!attempt(throttle, 'ada', '10.0.0.7').admitted)
  })

  test('of many users from one address a hundred are heard, and then one a second', () => {
    const throttle = throttleAt()
    const heard = times(300, (index) => guess(throttle, 1, `user ${index}`)).filter((one) => one === 1).length
    assert.equal(heard, 100)
    assert.equal(waitOf(attempt(throttle, 'another')), 1)
    assert.equal(guess(throttle, 1, 'another', '10.0.0.2'), 1)
  })

  test('of the users of an application behind one address are heard when a stranger has used that address up', () => {
    const throttle = throttleAt()
    assert.ok(signIn(throttle, 'ada'))
    times(300, (index) => guess(throttle, 1, `invented ${index}`))
    assert.ok(!attempt(throttle, 'eve').admitted)
    assert.ok(signIn(throttle, 'ada'))
  })

  test('of users who are known at one address are not heard without end either', () => {
    const throttle = throttleAt()
    times(200, (index) => signIn(throttle, `user ${index}`))
    const heard = times(200, (index) => guess(throttle, 10, `user ${index}`)).reduce((sum, one) => sum + one, 0)
    assert.equal(heard, 1000)
  })

  test('that are refused make the wait no longer', () => {
    const throttle = throttleAt()
    guess(throttle, 1000)
    assert.equal(waitOf(attempt(throttle)), 20)
    // Nor do they count for the user and for the address.
    assert.equal(guess(throttle, 40, 'ada', '10.0.0.2') + guess(throttle, 40, 'ada', '10.0.0.3'), 20)
    assert.equal(times(95, (index) => guess(throttle, 1, `user ${index}`)).filter((one) => one === 1).length, 90)
  })

  test('names are compared exactly, and neither their length nor what is in them confuses', () => {
    const throttle = throttleAt()
    const long = 'x'.repeat(100_000)
    for (const name of ['ada', 'Ada', 'ada ', '', '__proto__', 'a","b', `${long}1`, `${long}2`])
      assert.equal(guess(throttle, 12, name), 10, name)
  })
})
