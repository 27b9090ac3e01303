// Uses of API keys, summed up between two writes: one line a realm and key, whatever comes in between.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiKeyUses } from '../../src/issue/api_key_uses.ts'
import type { ApiKeyUse } from '../../src/model/api_key_use.ts'

const createDesk = () => {
  const written: (readonly ApiKeyUse[])[] = []
  const desk = { written, failure: undefined as Error | undefined, lines: () => written.at(-1)?.map(lineOf) }
  const uses = createApiKeyUses({
    async noteUse(all) {
      if (desk.failure) throw desk.failure
      written.push(all.map((one) => ({ ...one })))
    },
  })
  const note = (realmId: string, apiKeyId: string, now: number): void => uses.note({ realmId, clientId: 'one', apiKeyId }, `at ${now}`, now)
  return { desk, uses, note }
}

const lineOf = ({ realmId, apiKeyId, count, lastUsedAt, address }: ApiKeyUse) => [realmId, apiKeyId, count, lastUsedAt, address]

test('each key of each realm has its own count, its last use and the address of that', async () => {
  const { desk, uses, note } = createDesk()
  note('shop', 'a', 3)
  note('shop', 'a', 2)
  note('bank', 'a', 4)
  note('shop', 'b', 5)
  note('shop', 'a', 6)
  await uses.flush()
  assert.deepEqual(desk.lines(), [
    ['shop', 'a', 3, 6, 'at 6'],
    ['shop', 'b', 1, 5, 'at 5'],
    ['bank', 'a', 1, 4, 'at 4'],
  ])
})

test('what was written is not written again, and what comes behind it is not lost', async () => {
  const { desk, uses, note } = createDesk()
  for (const now of [1, 2]) {
    note('shop', 'a', now)
    await uses.flush()
    assert.deepEqual(desk.lines(), [['shop', 'a', 1, now, `at ${now}`]])
  }
  await uses.flush()
  assert.equal(desk.written.length, 2)
})

test('what could not be written is written with what came since', async () => {
  const { desk, uses, note } = createDesk()
  note('shop', 'a', 1)
  desk.failure = new Error('full')
  await assert.rejects(uses.flush(), desk.failure)
  desk.failure = undefined
  note('shop', 'a', 2)
  await uses.flush()
  assert.deepEqual(desk.lines(), [['shop', 'a', 2, 2, 'at 2']])
})
