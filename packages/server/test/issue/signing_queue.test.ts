// Where signatures are made: alone at once, in company in the pool or in one loop, RSA never in the loop.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Signer } from '@countersign/protocol/jose/jws'
import { SigningQueue } from '../../src/issue/mint/signing_queue.ts'

function recorder(slow: boolean): { readonly signer: Signer; readonly calls: string[] } {
  const calls: string[] = []
  const signer = {
    algorithm: { slow },
    sign: (input: string) => {
      calls.push('here')
      return `${input}!`
    },
    signAsync: async (input: string) => {
      calls.push('pool')
      return `${input}!`
    },
  }
  // Only these members are asked for.
  return { signer: signer as unknown as Signer, calls }
}

const signAll = (queue: SigningQueue, signer: Signer, inputs: readonly string[]): Promise<string[]> =>
  Promise.all(inputs.map((input) => queue.sign(signer, input)))

test('a request alone is signed at once, with one core or more', async () => {
  for (const parallel of [false, true]) {
    const { signer, calls } = recorder(true)
    assert.deepEqual(await signAll(new SigningQueue({ parallel }), signer, ['a']), ['a!'])
    assert.deepEqual(calls, ['here'])
  }
})

test('in company they are signed in the pool where other cores are free, and in one loop where they are not', async () => {
  for (const [parallel, where] of [
    [true, 'pool'],
    [false, 'here'],
  ] as const) {
    const { signer, calls } = recorder(false)
    assert.deepEqual(await signAll(new SigningQueue({ parallel }), signer, ['a', 'b']), ['a!', 'b!'])
    assert.deepEqual(calls, [where, where])
  }
})

test('slow signatures go to the pool in company, whatever the cores', async () => {
  const { signer, calls } = recorder(true)
  await signAll(new SigningQueue({ parallel: false }), signer, ['a', 'b'])
  assert.deepEqual(calls, ['pool', 'pool'])
})
