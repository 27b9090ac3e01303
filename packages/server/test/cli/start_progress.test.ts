// What a start that takes long says of itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startProgress } from '../../src/cli/start_progress.ts'

test('a start says how far it is every two seconds, and nothing if it is quicker', () => {
  let now = 0
  const said: string[] = []
  const progress = startProgress(
    (text) => said.push(text),
    () => now,
  )
  for (let done = 1; done <= 6000; done++) {
    now = done
    progress('realms are read', done, 6000)
  }
  assert.deepEqual(said, ['starting: 2,000 of 6,000 realms are read\n', 'starting: 4,000 of 6,000 realms are read\n'])
})
