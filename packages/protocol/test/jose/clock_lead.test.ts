// Tokens of an issuer that is several machines: issued in the future by a little, and yet not good for a second longer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkClaims } from '../../src/jose/claims_check.ts'

const NOW = 1_790_000_000
const check = (times: { iat?: number; nbf?: number; exp: number }): unknown =>
  checkClaims(
    'at+jwt',
    { iss: 'https://i.example', aud: 'a', sub: 's', ...times },
    {
      issuer: 'https://i.example',
      audience: ['a'],
      typ: ['at+jwt'],
      now: NOW,
      clockLead: 10,
    },
  )

test('with a lead iat and nbf may be that far ahead, and the end stays where it is', () => {
  check({ iat: NOW + 10, nbf: NOW + 10, exp: NOW + 60 })
  for (const ahead of [{ iat: NOW + 11 }, { nbf: NOW + 11 }])
    assert.throws(() => check({ ...ahead, exp: NOW + 60 }), { name: 'JoseError', code: 'not_yet_valid' })
  assert.throws(() => check({ iat: NOW - 60, exp: NOW }), { name: 'JoseError', code: 'expired' })
})
