// From what an operator writes to a dialect: a name, a whole document, or the difference to a built-in one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import { BUILTIN_DIALECTS, DialectError, resolveDialect } from '@countersign/protocol/dialect/resolve'

const pathsOf = (document: unknown): readonly string[] => {
  try {
    resolveDialect(document as string)
    return []
  } catch (error) {
    assert.ok(error instanceof DialectError)
    return error.problems.map((one) => one.path)
  }
}

test('A name is the built-in dialect of that name', () => {
  for (const [name, dialect] of BUILTIN_DIALECTS) assert.equal(resolveDialect(name), dialect)
  assert.deepEqual([...BUILTIN_DIALECTS.keys()], ['standard', 'keycloak', 'auth0', 'webcommander'])
})

test('Objects are merged, lists and plain values replaced, and the built-in is left as it was', () => {
  const before = JSON.stringify(BUILTIN_DIALECTS.get('keycloak'))
  const ours = resolveDialect({
    extends: 'keycloak',
    name: 'ours',
    endpoints: { userinfo: ['/realms/{realm}/me'] },
    token_request: { parameters: { scope: 'permissions' }, encodings: ['json'] },
    error: { statuses: { invalid_grant: 401 } },
  })
  const base = resolveDialect('keycloak')
  assert.deepEqual(ours, {
    ...base,
    name: 'ours',
    endpoints: { ...base.endpoints, userinfo: ['/realms/{realm}/me'] },
    token_request: { ...base.token_request, parameters: { scope: 'permissions' }, encodings: ['json'] },
    error: { ...base.error, statuses: { invalid_grant: 401 } },
  })
  assert.equal(JSON.stringify(BUILTIN_DIALECTS.get('keycloak')), before)
})

test('A whole document needs no base, and a part of one is not enough', () => {
  const whole = { ...resolveDialect('auth0'), name: 'whole' }
  assert.deepEqual(resolveDialect(JSON.parse(JSON.stringify(whole))), whole)
  assert.ok(pathsOf({ name: 'part' }).includes('token_request'))
})

test('Every mistake is named by its path, a mistaken base and document too', () => {
  assert.deepEqual(pathsOf('keyclaok'), ['(name)'])
  assert.deepEqual(pathsOf('constructor'), ['(name)'])
  assert.deepEqual(pathsOf({ extends: 'keyclaok' }), ['extends'])
  assert.deepEqual(pathsOf({ extends: 1 }), ['extends'])
  assert.deepEqual(pathsOf({ extends: 'keycloak', token_request: { encodings: ['xml'] }, extra: 1 }), [
    'token_request.encodings[0]',
    'extra',
  ])
  assert.deepEqual(pathsOf({ extends: 'keycloak', token_request: null }), ['token_request'])
  for (const document of [null, undefined, 1, [], true]) assert.deepEqual(pathsOf(document), ['(document)'])
})

test('A member named __proto__ is a mistake like any other, and changes no object', () => {
  assert.deepEqual(pathsOf(JSON.parse('{"extends":"keycloak","__proto__":{"polluted":1}}')), ['__proto__'])
  assert.deepEqual(pathsOf(JSON.parse('{"extends":"keycloak","error":{"__proto__":{"polluted":1}}}')), ['error.__proto__'])
  assert.deepEqual(pathsOf(JSON.parse('{"extends":"keycloak","constructor":{"prototype":{"polluted":1}}}')), ['constructor'])
  assert.equal('polluted' in {}, false)
})

test('The message of the error names every problem in one line', () => {
  assert.throws(() => resolveDialect({ extends: 'standard', name: 'A', verbatim: 1 }), {
    name: 'DialectError',
    message: 'name must be a name of a-z, 0-9 and -, starting with a letter; verbatim must be true or false',
  })
})

test('Paths stand under the realm, unless they hold it themselves or the host is the realm', () => {
  const auth0 = compile(resolveDialect('auth0'))
  assert.deepEqual(auth0.paths('token', 'wave', false), ['/realms/wave/oauth/token'])
  assert.deepEqual(auth0.paths('token', 'wave', true), ['/oauth/token'])
  const keycloak = compile(resolveDialect('keycloak'))
  assert.deepEqual(keycloak.paths('token', 'willba', false), ['/realms/willba/protocol/openid-connect/token'])
  assert.deepEqual(keycloak.paths('token', 'willba', true), keycloak.paths('token', 'willba', false))
  assert.deepEqual(keycloak.paths('pem', 'willba', true), ['/realms/willba/protocol/openid-connect/certs/{kid}.pem'])
})
