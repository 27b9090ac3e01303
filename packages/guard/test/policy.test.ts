// Which scopes a request needs: precedence, methods, and that nothing slips to a weaker rule.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { PolicyRules, RouteRule } from '../src/policy.ts'
import { compilePolicy } from '../src/policy.ts'

const rule = (path: string, more: Partial<RouteRule> = {}): RouteRule => ({
  path,
  scopes: [path.replaceAll(/[^a-z]/g, '') || 'root'],
  ...more,
})

function decide(rules: PolicyRules, method: string, path: string): string {
  const route = compilePolicy(rules).match(method, path)
  return 'refused' in route ? route.refused : route.path
}

const routes = [rule('/'), rule('/users/:id'), rule('/users/me'), rule('/users/*'), rule('/users/:id/keys'), rule('/files/*')]

test('a literal beats a parameter, a parameter beats the rest', () => {
  const asked = ['/', '/users/me', '/users/7', '/users/7/keys', '/users/me/keys', '/users/7/other', '/users', '/files', '/files/a/b/c']
  const found = asked.map((path) => decide({ routes }, 'GET', path))
  assert.deepEqual(found, [
    '/',
    '/users/me',
    '/users/:id',
    '/users/:id/keys',
    '/users/:id/keys',
    '/users/*',
    '/users/*',
    '/files/*',
    '/files/*',
  ])
})

test('the order of the rules does not matter', () => {
  for (const path of ['/users/me', '/users/7', '/users/7/x', '/users/me/keys']) {
    assert.equal(decide({ routes: routes.toReversed() }, 'GET', path), decide({ routes }, 'GET', path))
  }
})

test('a trailing slash changes nothing', () => {
  for (const path of ['/users/me', '/users/7', '/files/a'])
    assert.equal(decide({ routes }, 'GET', `${path}/`), decide({ routes }, 'GET', path))
})

test('a path without a rule wants a token, or is denied where the operator says so', () => {
  assert.deepEqual(compilePolicy({ routes }).match('GET', '/other'), { path: '', scopes: [], anonymous: false })
  assert.equal(decide({ routes, otherwise: 'deny' }, 'GET', '/other'), 'no_route')
})

test('a path that differs from a rule only in case or path parameters does not slip past it', () => {
  const rules: PolicyRules = { routes: [rule('/admin'), rule('/admin/users/:id'), rule('/*', { scopes: [] })] }
  for (const path of ['/ADMIN', '/Admin/', '/admin;x=1', '/admin;', '/ADMIN/users/7', '/admin/users;a/7']) {
    assert.equal(decide(rules, 'GET', path), 'no_route', path)
  }
  assert.equal(decide(rules, 'GET', '/admin/users/A;b'), '/admin/users/:id')
})

test('an ambiguous path is refused before any rule is asked', () => {
  const refused = compilePolicy({ routes: [rule('/*')] }).match('GET', '/a/../admin')
  assert.equal('refused' in refused && refused.refused, 'ambiguous_path')
})

test('a method the rule does not list is refused, even where a broader rule would take it', () => {
  const policy = compilePolicy({ routes: [rule('/orders', { methods: ['GET', 'POST'] }), rule('/*')] })
  const refused = policy.match('DELETE', '/orders')
  assert.deepEqual(refused, { refused: 'method_not_allowed', detail: undefined, allow: 'GET, HEAD, POST' })
  assert.equal('path' in policy.match('HEAD', '/orders'), true)
  assert.equal('refused' in policy.match('get', '/orders'), true, 'methods are compared exactly')
})

test('rules of one path divide its methods among them', () => {
  const rules: PolicyRules = {
    routes: [
      rule('/a', { methods: ['GET'], scopes: ['r'] }),
      rule('/a', { methods: ['PUT'], scopes: ['w'] }),
      rule('/a', { scopes: ['x'] }),
    ],
  }
  const scopes = ['GET', 'HEAD', 'PUT', 'PATCH'].map((method) => {
    const route = compilePolicy(rules).match(method, '/a')
    return 'scopes' in route ? route.scopes.join() : route.refused
  })
  assert.deepEqual(scopes, ['r', 'r', 'w', 'x'])
})

test('escapes are matched decoded', () => {
  assert.equal(decide({ routes: [rule('/caf%C3%A9/:x')] }, 'GET', '/caf%c3%a9/a%20b'), '/caf%C3%A9/:x')
})

test('a rule that cannot be meant is refused when the guard is made', () => {
  const bad: readonly (readonly RouteRule[])[] = [
    [rule('orders')],
    [rule('/a//b')],
    [rule('/a/')],
    [rule('/a/*/b')],
    [rule('/a*')],
    [rule('/:')],
    [rule('/:id.json')],
    [rule('/a/../b')],
    [rule('/a?x')],
    [rule('/a', { scopes: ['two words'] })],
    [rule('/a', { scopes: [''] })],
    [rule('/a', { anonymous: true })],
    [rule('/a', { methods: [] })],
    [rule('/a', { methods: ['get'] })],
    [rule('/a'), rule('/a')],
    [rule('/a', { methods: ['GET'] }), rule('/a', { methods: ['GET'] })],
    [rule('/:x', { methods: ['GET'] }), rule('/:y', { methods: ['GET'] })],
    [rule('/a', { methods: ['GET'] }), rule('/A', { methods: ['PUT'] })],
  ]
  for (const one of bad) assert.throws(() => compilePolicy({ routes: one }), TypeError, JSON.stringify(one))
})
