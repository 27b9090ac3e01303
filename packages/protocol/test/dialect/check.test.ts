// The check of Dialect documents: every way to break a valid one is named, at the place where it is broken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialectProblems } from '@countersign/protocol/dialect/check'
import { BUILTIN_DIALECTS } from '@countersign/protocol/dialect/resolve'
import fc from 'fast-check'
import { dialectDocument } from './arbitrary.ts'

type Node = Record<string | number, unknown>
type Steps = readonly (string | number)[]

const copy = (value: unknown): Node => JSON.parse(JSON.stringify(value)) as Node
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null
const show = (steps: Steps) =>
  steps.map((one, index) => (typeof one === 'number' ? `[${one}]` : `${index === 0 ? '' : '.'}${one}`)).join('')
const pathsOf = (document: unknown) => dialectProblems(document).map((one) => one.path)

/** Any JSON may stand there. */
const isFree = (steps: Steps) =>
  steps.includes('constant') || steps.includes('absent') || (steps[0] === 'metadata' && steps[1] === 'constants' && steps.length > 2)

function* placesIn(value: unknown, steps: Steps = []): Generator<Steps> {
  if (isFree(steps)) return
  if (steps.length > 0) yield steps
  if (!isNode(value)) return
  for (const key of Object.keys(value)) yield* placesIn(value[key], [...steps, Array.isArray(value) ? Number(key) : key])
}

function changed(document: unknown, steps: Steps, change: (parent: Node, key: string | number) => void): Node {
  const result = copy(document)
  let parent = result
  for (const step of steps.slice(0, -1)) {
    const next = parent[step]
    assert.ok(isNode(next))
    parent = next
  }
  change(parent, steps.at(-1) ?? '')
  return result
}

const set = (value: unknown) => (parent: Node, key: string | number) => {
  parent[key] = value
}

/** The builtin with one place set to a value. */
const broken = (name: string, steps: Steps, value: unknown) => changed(BUILTIN_DIALECTS.get(name), steps, set(value))

test('The built-in dialects are dialects', () => {
  for (const dialect of BUILTIN_DIALECTS.values()) assert.deepEqual(dialectProblems(dialect), [], dialect.name)
})

test('A value of the wrong type is named by its path, wherever it stands', () => {
  for (const dialect of BUILTIN_DIALECTS.values()) {
    for (const steps of placesIn(dialect)) {
      for (const wrong of [{}, [], 'NO GOOD\n', 0.5, undefined]) {
        const document = changed(dialect, steps, set(wrong))
        const problems = pathsOf(document)
        const value = steps.reduce<unknown>((node, step) => (isNode(node) ? node[step] : undefined), dialect)
        // An empty object or list may be just as good where one stood.
        const alike = typeof wrong === 'object' && typeof value === 'object' && Array.isArray(wrong) === Array.isArray(value)
        if (!alike)
          assert.ok(problems.includes(show(steps)), `${dialect.name} ${show(steps)} = ${JSON.stringify(wrong)}: ${problems.join(', ')}`)
      }
    }
  }
})

test('The same holds for any document', () => {
  fc.assert(
    fc.property(dialectDocument, fc.nat(), (document, pick) => {
      const places = [...placesIn(document)]
      const steps = places[pick % places.length] ?? []
      assert.ok(pathsOf(changed(document, steps, set(0.5))).includes(show(steps)), show(steps))
    }),
    { numRuns: 200 },
  )
})

const REQUIRED = [
  'name verbatim mount endpoints token_request token_response error presentation claims metadata',
  'endpoints.token',
  'token_request.encodings',
  'token_request.client_auth',
  'token_request.parameters',
  'token_request.composites',
  'token_request.ignored',
  'token_request.grants',
  'token_response.envelope',
  'token_response.members',
  'error.envelope',
  'error.members',
  'error.statuses',
  'error.codes',
  'presentation.token',
  'presentation.api_key',
  'claims.typ',
  'claims.issuer_slash',
  'claims.algorithm',
  'claims.members',
  'metadata.omit',
  'metadata.constants',
  'metadata.space_joined',
  'token_request.composites.0.separator',
  'token_request.grants.0.needs',
  'token_response.members.0.name',
  'presentation.token.0.scheme',
  'claims.members.0.name',
].flatMap((one) => one.split(' '))

test('A missing member is named by its path', () => {
  for (const path of REQUIRED) {
    const steps = path.split('.').map((one) => (/^\d$/.test(one) ? Number(one) : one))
    const document = changed(BUILTIN_DIALECTS.get('webcommander'), steps, (parent, key) => Reflect.deleteProperty(parent, key))
    assert.deepEqual(pathsOf(document).slice(0, 1), [show(steps)], path)
  }
})

test('A member that no dialect has is named by its path', () => {
  for (const steps of [
    [],
    ['endpoints'],
    ['token_request'],
    ['token_request', 'composites', 0],
    ['token_request', 'grants', 0],
    ['token_response'],
    ['token_response', 'members', 0],
    ['error'],
    ['presentation'],
    ['presentation', 'token', 0],
    ['claims'],
    ['claims', 'members', 0],
    ['metadata'],
  ]) {
    for (const name of ['unheard', 'constructor', 'toString']) {
      assert.deepEqual(pathsOf(broken('webcommander', [...steps, name], 'x')), [show([...steps, name])])
    }
  }
  assert.deepEqual(pathsOf(JSON.parse(JSON.stringify(BUILTIN_DIALECTS.get('standard')).replace('{', '{"__proto__":{},'))), ['__proto__'])
})

const member = (name: string, from: string, more = {}) => ({ name, from, ...more })
const claims = BUILTIN_DIALECTS.get('standard')?.claims.members ?? []

// builtin, place, value, path of the only problem
const MEANINGLESS: readonly (readonly [string, Steps, unknown, string])[] = [
  // Names, paths and headers that some reader takes otherwise.
  ['standard', ['name'], 'Standard', 'name'],
  ['standard', ['endpoints', 'token', 0], '/a/../token', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '/a/./token', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '//token', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '/token/', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '/tok%65n', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '/{anything}', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'token', 0], '/{kid}', 'endpoints.token[0]'],
  ['standard', ['endpoints', 'pem', 0], '/key.pem', 'endpoints.pem[0]'],
  ['standard', ['endpoints', 'userinfo', 0], '/oauth2/token', 'endpoints.userinfo[0]'],
  ['standard', ['endpoints', 'metadata', 1], '/.well-known/openid-configuration', 'endpoints.metadata[1]'],
  ['keycloak', ['endpoints', 'token', 0], '/token', 'endpoints.token[0]'],
  ['standard', ['presentation', 'token', 0, 'header'], 'Authorization', 'presentation.token[0].header'],
  ['standard', ['presentation', 'token', 0, 'header'], 'constructor', 'presentation.token[0].header'],
  ['standard', ['presentation', 'token', 0, 'header'], '__proto__', 'presentation.token[0].header'],
  ['standard', ['presentation', 'token', 0, 'header'], 'transfer-encoding', 'presentation.token[0].header'],
  ['standard', ['presentation', 'token', 0, 'header'], 'x: y', 'presentation.token[0].header'],
  ['standard', ['presentation', 'token', 0, 'scheme'], 'Bearer ', 'presentation.token[0].scheme'],
  ['webcommander', ['presentation', 'token', 1], { header: 'access_token', scheme: null }, 'presentation.token[1]'],
  ['standard', ['presentation', 'api_key', 1], { header: 'x-api-key', scheme: null }, 'presentation.api_key[1]'],
  ['standard', ['presentation', 'api_key', 0], { header: 'authorization', scheme: 'bearer' }, 'presentation.api_key[0]'],
  ['standard', ['presentation', 'api_key', 0], { header: 'authorization', scheme: null }, 'presentation.api_key[0]'],
  // Two parameters of one name.
  ['standard', ['token_request', 'parameters'], { client_id: 'id', client_secret: 'id' }, 'token_request.parameters.client_secret'],
  ['standard', ['token_request', 'parameters'], { client_id: 'scope' }, 'token_request.parameters.client_id'],
  ['standard', ['token_request', 'parameters'], { resource: 'api', scope: 'resource' }, 'token_request.parameters.scope'],
  ['standard', ['token_request', 'parameters'], { client_id: '__proto__' }, 'token_request.parameters.client_id'],
  ['webcommander', ['token_request', 'parameters'], { scope: 'auth_string' }, 'token_request.composites[0].parameter'],
  ['webcommander', ['token_request', 'composites', 0, 'parameter'], 'scope', 'token_request.composites[0].parameter'],
  ['webcommander', ['token_request', 'composites', 0, 'members'], ['username', 'username'], 'token_request.composites[0].members'],
  [
    'webcommander',
    ['token_request', 'composites', 1],
    { parameter: 'auth_string', encoding: 'text', members: ['client_id', 'client_secret'], separator: ':' },
    'token_request.composites[1].parameter',
  ],
  [
    'webcommander',
    ['token_request', 'composites', 1],
    { parameter: 'username', encoding: 'text', members: ['client_id', 'client_secret'], separator: ':' },
    'token_request.composites[1].parameter',
  ],
  ['webcommander', ['token_request', 'ignored', 1], 'auth_string', 'token_request.ignored[1]'],
  ['webcommander', ['token_request', 'ignored', 1], 'grant_type', 'token_request.ignored[1]'],
  ['webcommander', ['token_request', 'encodings'], ['form', 'form'], 'token_request.encodings[1]'],
  ['webcommander', ['token_request', 'client_auth'], ['none', 'none'], 'token_request.client_auth[1]'],
  // A rule that an earlier one hides.
  [
    'webcommander',
    ['token_request', 'grants', 1],
    { grant_type: 'client_credentials', needs: ['password', 'username', 'scope'], is: 'refresh_token', required: false },
    'token_request.grants[1]',
  ],
  ['webcommander', ['token_request', 'grants', 0, 'is'], 'implicit', 'token_request.grants[0].is'],
  // Answers that cannot be read back.
  ['standard', ['token_response', 'members'], [member('scope', 'scope')], 'token_response.members'],
  ['standard', ['token_response', 'members', 0, 'verbatim'], 'only', 'token_response.members'],
  ['standard', ['token_response', 'members', 1], member('access_token', 'token_type'), 'token_response.members[1]'],
  ['standard', ['token_response', 'members', 1], { name: 'both', from: 'scope', constant: 1 }, 'token_response.members[1]'],
  ['standard', ['token_response', 'members', 1], { name: 'neither' }, 'token_response.members[1]'],
  ['standard', ['token_response', 'members', 0, 'as'], 'list', 'token_response.members[0].as'],
  ['standard', ['token_response', 'members', 0, 'name'], '__proto__', 'token_response.members[0].name'],
  ['standard', ['token_response', 'envelope'], '__proto__', 'token_response.envelope'],
  ['standard', ['error', 'members', 0, 'as'], 'list', 'error.members[0].as'],
  ['standard', ['error', 'members', 1], member('error', 'status'), 'error.members[1]'],
  ['standard', ['error', 'codes'], { invalid_client: 'E1', invalid_grant: 'E1' }, 'error.codes.invalid_grant'],
  ['standard', ['error', 'codes'], { invalid_client: 'invalid_grant' }, 'error.codes.invalid_client'],
  ['standard', ['error', 'codes'], { invalid_clinet: 'E1' }, 'error.codes.invalid_clinet (its name)'],
  ['standard', ['error', 'statuses'], { invalid_client: 200 }, 'error.statuses.invalid_client'],
  ['standard', ['error', 'statuses'], { constructor: 400 }, 'error.statuses.constructor (its name)'],
  // Tokens that a guard could not judge.
  ['standard', ['claims', 'members'], claims.filter((one) => one.name !== 'exp'), 'claims.members'],
  ['standard', ['claims', 'members', 0, 'subject'], 'client', 'claims.members'],
  ['standard', ['claims', 'members'], claims.filter((one) => one.name !== 'client_id'), 'claims.members'],
  ['standard', ['claims', 'members', 3], { name: 'exp', constant: 9999999999 }, 'claims.members[3]'],
  ['standard', ['claims', 'members', 3], member('exp', 'iat'), 'claims.members[3]'],
  ['standard', ['claims', 'members', 2], { name: 'aud', constant: ['everything'] }, 'claims.members[2]'],
  ['standard', ['claims', 'members', 1], { name: 'sub', constant: 'someone' }, 'claims.members[1]'],
  ['standard', ['claims', 'members', 7], { name: 'scope', from: 'scope', template: '{sub}' }, 'claims.members[7]'],
  ['standard', ['claims', 'members', 7], member('sid', 'scope'), 'claims.members[8]'],
  ['standard', ['claims', 'members'], claims.filter((one) => one.name !== 'sid'), 'claims.members'],
  ['standard', ['claims', 'typ'], 'JWT', 'claims.members'],
  ['keycloak', ['claims', 'members', 6], { name: 'typ', constant: 'ID' }, 'claims.members'],
  ['keycloak', ['claims', 'members', 6, 'subject'], 'user', 'claims.members'],
  ['standard', ['claims', 'algorithm'], 'none', 'claims.algorithm'],
  ['standard', ['metadata', 'omit'], ['issuer'], 'metadata.omit[0]'],
  ['standard', ['metadata', 'constants'], { issuer: 'https://evil.example' }, 'metadata.constants.issuer'],
]

test('What has the right shape and no meaning, or two, is named by its path', () => {
  for (const [name, steps, value, path] of MEANINGLESS) {
    assert.deepEqual([...new Set(pathsOf(broken(name, steps, value)))], [path], `${name} ${show(steps)} = ${JSON.stringify(value)}`)
  }
})

test('Names may be swapped, as long as each stands for one thing', () => {
  const swapped = broken('standard', ['token_request', 'parameters'], { username: 'password', password: 'username' })
  assert.deepEqual(dialectProblems(swapped), [])
  const codes = broken('standard', ['error', 'codes'], { invalid_client: 'invalid_grant', invalid_grant: 'invalid_client' })
  assert.deepEqual(dialectProblems(codes), [])
})

test('Too much of anything is a problem', () => {
  const many = Array.from({ length: 300 }, (_, index) => `x${index}`)
  const record = Object.fromEntries(many.map((one) => [one, one]))
  assert.ok(pathsOf(broken('standard', ['token_request', 'ignored'], many)).includes('token_request.ignored'))
  assert.ok(pathsOf(broken('standard', ['metadata', 'constants'], record)).includes('metadata.constants'))
  const deep = JSON.parse(`${'['.repeat(9)}1${']'.repeat(9)}`)
  assert.deepEqual(pathsOf(broken('standard', ['metadata', 'constants'], { deep })), ['metadata.constants.deep'])
})

test('Anything at all can be asked about, and only a dialect has no problem', () => {
  for (const value of [undefined, null, 0, '', [], () => {}]) assert.deepEqual(pathsOf(value), ['(document)'])
  fc.assert(fc.property(fc.anything(), (value) => assert.ok(dialectProblems(value).length > 0)))
})
