// JWK Sets: which key answers for a kid, and what is left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JoseError } from '@countersign/protocol/jose/error'
import { publicOf } from '@countersign/protocol/jose/jwk'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import { freshKey, keyFor } from './keys.ts'

const es = publicOf((await keyFor('ES256')).jwk)
const rs = publicOf((await keyFor('RS256')).jwk)
const other = publicOf((await freshKey('ES256')).jwk)

test('A set is read as a document or as a list', () => {
  for (const jwks of [{ keys: [es, rs] }, [es, rs]]) {
    const set = createKeySet(jwks)
    assert.deepEqual(set.keys, [es, rs])
    assert.equal(set.find(es.kid, 'ES256')?.algorithm.name, 'ES256')
    assert.equal(set.find(rs.kid, 'RS256')?.kid, rs.kid)
    assert.equal(set.find('unknown', 'ES256'), undefined)
    assert.equal(set.find('__proto__', 'ES256'), undefined)
  }
})

test('What is no JWK Set is malformed', () => {
  for (const jwks of [null, undefined, 'keys', 1, {}, { keys: null }, { keys: {} }, Object.create({ keys: [] }), Array(101).fill(es)]) {
    assert.throws(
      () => createKeySet(jwks),
      (error) => error instanceof JoseError && error.code === 'malformed',
    )
  }
  assert.equal(createKeySet(Array(100).fill(es)).keys.length, 1)
  assert.deepEqual(createKeySet({ keys: [] }).keys, [])
})

test('Keys that cannot be used are left out and reported, the others serve on', () => {
  const set = createKeySet({
    keys: [{ ...other, use: 'enc' }, { kty: 'oct', k: 'c2VjcmV0' }, null, { ...rs, n: 'AQAB' }, { ...es, alg: 'XX1' }, es],
  })
  assert.deepEqual(set.keys, [es])
  assert.equal(set.skipped.length, 5)
  for (const sentence of set.skipped) assert.doesNotMatch(sentence, /c2VjcmV0|AQAB/)
})

test('One kid may name keys of different algorithms, never two keys of one', () => {
  const set = createKeySet([
    { ...es, kid: 'k' },
    { ...rs, kid: 'k' },
  ])
  assert.equal(set.find('k', 'ES256')?.algorithm.name, 'ES256')
  assert.equal(set.find('k', 'RS256')?.algorithm.name, 'RS256')
  assert.throws(
    () =>
      createKeySet([
        { ...es, kid: 'k' },
        { ...other, kid: 'k' },
      ]),
    (error) => error instanceof JoseError && error.code === 'malformed',
  )
})

test('Without a kid the only key of the algorithm answers, and no other', () => {
  assert.equal(createKeySet([es, rs]).find(undefined, 'ES256')?.kid, es.kid)
  assert.equal(createKeySet([es, other]).find(undefined, 'ES256'), undefined)
  assert.equal(createKeySet([rs]).find(undefined, 'ES256'), undefined)
})
