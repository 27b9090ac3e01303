// What callsign says of a failure and of a budget, as a person reads it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quotaWords } from '../src/cli/quota_words.ts'
import { sentence } from '../src/cli/sentence.ts'
import { TokenRequestFailed } from '../src/errors.ts'

test("a provider's words that end without a full stop do not run into the mend", () => {
  const says = (description: string): string =>
    sentence(new TokenRequestFailed({ code: 'invalid_target', origin: 'https://a.example', status: 400, description }))
  assert.match(says('Name the API, like https://api.example'), /https:\/\/api\.example\. Check --audience and --resource\.$/)
  assert.match(says('Name the API.'), /Name the API\. Check --audience and --resource\.$/)
})

test("a window's end is told to the minute while it is far away, and to the second when it is near", () => {
  const midnight = 1_796_083_200
  const reset = (resetAt: number, now: number): string =>
    quotaWords({ limit: 9, used: 0, remaining: 9, resetAt, enoughUntil: null, source: 'usage', toldAt: now }, now).reset
  for (const slip of [-1, 0, 1]) assert.match(reset(midnight + slip, midnight - 86_400), /:00[+-]\d\d:\d\d\.$/)
  assert.equal(reset(midnight + 1, midnight - 86_400), reset(midnight - 1, midnight - 86_402))
  assert.match(reset(midnight + 17, midnight), /:17[+-]\d\d:\d\d\.$/)
})
