// Which scopes a request needs: precedence, methods, and that nothing slips to a weaker rule.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
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
  assert.deepEqual(compilePolicy({ routes }).match('GET', '/other'), {
    path: '',
    name: 'otherwise',
    scopes: [],
    anonymous: false,
    cost: 1,
  })
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

const costly: PolicyRules = {
  routes: [
    rule('/reports/annual', { methods: ['GET'], cost: 100 }),
    rule('/reports/:id', { methods: ['GET', 'PUT'], cost: 5 }),
    rule('/status', { cost: 0 }),
    rule('/*', { scopes: [] }),
  ],
}

function priceOf(method: string, path: string): string {
  const route = compilePolicy(costly).match(method, path)
  return 'refused' in route ? route.refused : `${route.name} ${route.cost}`
}

test('a request is named and priced as the rule that takes it, whatever method brought it there', () => {
  const priced = ['GET /reports/annual', 'HEAD /reports/annual', 'PUT /reports/7', 'GET /reports/7?annual', 'POST /status', 'GET /x/y'].map(
    (line) => priceOf(line.split(' ')[0] ?? '', line.split(' ')[1] ?? ''),
  )
  assert.deepEqual(priced, [
    'GET /reports/annual 100',
    'GET /reports/annual 100',
    'PUT /reports/:id 5',
    'GET /reports/:id 5',
    '* /status 0',
    '* /* 1',
  ])
})

test('a costly route is not reached under the spelling of a cheap one', () => {
  const spellings = fc.constantFrom(
    '%2F',
    '%2f',
    '/',
    '//',
    '/./',
    '/x/../',
    ';',
    ';a=1',
    '%2e%2e/',
    '\\',
    '%61',
    'A',
    'a',
    '%25',
    '.',
    '',
    '?',
    '#',
  )
  fc.assert(
    fc.property(fc.nat(15), spellings, fc.constantFrom('GET', 'HEAD'), (at, piece, method) => {
      const path = '/reports/annual'
      const spelled = path.slice(0, at) + piece + path.slice(at + 1)
      const price = priceOf(method, spelled)
      // As the laxest server behind would read it: case and parameters ignored, dots, doubled slashes and escapes resolved.
      if (/^\/reports\/annual\/?$/.test(lax(spelled))) assert.match(price, /annual 100$|^no_route$|^ambiguous_path$/, spelled)
    }),
    { numRuns: 1000 },
  )
})

function lax(path: string): string {
  const decoded = decodeURIComponent((path.split(/[?#]/)[0] ?? '').replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25'))
  const plain = decoded
    .replaceAll('\\', '/')
    .replaceAll(/;[^/]*/g, '')
    .replaceAll(/\/+/g, '/')
    .toLowerCase()
  return new URL(plain, 'http://h').pathname
}

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
    [rule('/a', { cost: -1 })],
    [rule('/a', { cost: 0.5 })],
    [rule('/a', { cost: Number.NaN })],
    [rule('/a', { cost: Number.POSITIVE_INFINITY })],
    [rule('/a'), rule('/a')],
    [rule('/a', { methods: ['GET'] }), rule('/a', { methods: ['GET'] })],
    [rule('/:x', { methods: ['GET'] }), rule('/:y', { methods: ['GET'] })],
    [rule('/a', { methods: ['GET'] }), rule('/A', { methods: ['PUT'] })],
  ]
  for (const one of bad) assert.throws(() => compilePolicy({ routes: one }), TypeError, JSON.stringify(one))
})

test('of whatever patterns and paths the most specific pattern is found, as by trying them one by one', () => {
  const segment = fc.constantFrom('a', 'B', 'ab', 'a b', ':x')
  const pattern = fc.tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  const asked = fc.array(fc.constantFrom('a', 'A', 'b', 'B', 'ab', 'a b', 'a;v', 'c'), { maxLength: 4 })
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { selector: shapeOf, maxLength: 6 }), asked, fc.boolean(), (patterns, parts, slash) => {
      const rules = patterns.map(([segments, open]) =>
        rule(
          `/${segments
            .map(encoded)
            .concat(open ? ['*'] : [])
            .join('/')}`,
        ),
      )
      const path = `/${parts.map(encoded).join('/')}${slash && parts.length > 0 ? '/' : ''}`
      assert.equal(decide({ routes: rules, otherwise: 'deny' }, 'GET', path), oneByOne(patterns, rules, parts), path)
    }),
    { numRuns: 2000 },
  )
})

type Pattern = readonly [segments: readonly string[], open: boolean]

const encoded = (segment: string): string => (segment === ':x' ? segment : encodeURIComponent(segment).replaceAll('%3B', ';'))
const shapeOf = ([segments, open]: Pattern): string => `${segments.join('/').toLowerCase()} ${open}`
const bare = (segment: string): string => segment.replace(/;.*/, '').toLowerCase()

function oneByOne(patterns: readonly Pattern[], rules: readonly RouteRule[], parts: readonly string[]): string {
  const fits = patterns.flatMap(([segments, open], index) => {
    const fit = segments.every((one, at) => at < parts.length && (one === ':x' || one.toLowerCase() === bare(parts[at] ?? '')))
    if (!fit || (open ? false : segments.length !== parts.length)) return []
    // Literal, parameter, rest: the first difference from the left decides, and the end of the path counts as a literal.
    const rank = [...segments.map((one) => (one === ':x' ? '1' : '0')), open ? '2' : '0'].join('')
    return [{ rank, index, exact: segments.every((one, at) => one === ':x' || one === parts[at]) }]
  })
  const [best] = fits.toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
  return best?.exact ? (rules[best.index]?.path ?? '') : 'no_route'
}
