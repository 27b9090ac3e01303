// Proves that each law of the house can be broken: every one finds its offence in a tiny source made up here, and spares the good one.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { PackagePlan } from '../tools/architecture/laws.ts'
import { arrows, barrels, circles, floors, headers, lengths, namelessRooms, reserved, strangers } from '../tools/architecture/laws.ts'
import { RESERVED } from '../tools/architecture/reservations.ts'
import { readSource } from '../tools/architecture/source.ts'

const PLANS: readonly PackagePlan[] = [
  { source: 'packages/a/src', floors: { '': 2, low: 1, left: 3, right: 3 }, imports: ['@x/b'] },
  { source: 'packages/b/src', floors: { '': 1 }, imports: [] },
]
const at = (path: string, text: string) => readSource(path, text)
const forbids = (path: string, text: string): boolean => reserved([at(path, text)], RESERVED).length > 0

test('the scanner sees every way to import', () => {
  const { imports, computedImports } = at(
    'x.ts',
    `#!/usr/bin/env node
import 'side'
import type { A } from './a.ts'
import b, {
  c, // from 'nowhere'
} from "./b.ts"
export * from './c.ts'
export type { D } from './d.ts'
const e = await import('./e.ts')
const f: import('./f.ts').F = await import(name)
const g = require('./g.cjs')`,
  )
  assert.deepEqual(imports, ['side', './a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.cjs'])
  assert.equal(computedImports, 1)
})

test('the scanner is not fooled by comments, strings, templates and regular expressions', () => {
  const { imports, code } = at(
    'x.ts',
    `// import a from './a.ts'
/* import b from './b.ts'
 */ const quote = /['"\`/]/.test(x) || 6 / 2 / 1
const s = 'import c from "./c.ts"', t = \`import d from './d.ts' \${\`\${Date.now()}\` + '}'} Math.random()\`
const u = x.from('./e.ts'), v = Array.from('f')
import last from './last.ts'`,
  )
  assert.deepEqual(imports, ['./last.ts'])
  assert.match(code, /Date\.now\(\)/)
  assert.doesNotMatch(code, /Math\.random/)
})

test('an import that climbs, or crosses to a room on the same floor, is found', () => {
  const climb = floors([at('packages/a/src/low/x.ts', `import '../left/y.ts'`)], PLANS)
  assert.match(climb[0]?.law ?? '', /imports run down/)
  const cross = floors([at('packages/a/src/left/x.ts', `import type { Y } from '../right/y.ts'`)], PLANS)
  assert.match(cross[0]?.law ?? '', /never import each other/)
  assert.deepEqual(floors([at('packages/a/src/left/x.ts', `import '../low/y.ts'\nimport './deep/z.ts'`)], PLANS), [])
})

test('a room or a package without a floor is found', () => {
  assert.equal(floors([at('packages/a/src/attic/x.ts', '')], PLANS).length, 1)
  assert.equal(floors([at('packages/c/src/x.ts', '')], PLANS).length, 1)
})

test('a package that names one it may not, or enters another by path, is found', () => {
  const laws = (path: string, text: string) => arrows([at(path, text)], PLANS).length
  assert.equal(laws('packages/b/src/x.ts', `import '@x/a/y'`), 1)
  assert.equal(laws('packages/a/src/x.ts', `import 'left-pad'`), 1)
  assert.equal(laws('packages/a/src/x.ts', `import '../../b/src/y.ts'`), 1)
  assert.equal(laws('packages/a/src/x.ts', `import '@x/b/y'\nimport 'node:fs'\nimport './y.ts'`), 0)
})

test('a circle is found, also one of types and one of a file with itself', () => {
  const x = at('p/x.ts', `import type { Y } from './y.ts'`)
  const y = at('p/y.ts', `import './deep/z.ts'`)
  assert.equal(circles([x, y, at('p/deep/z.ts', `export * from '../x.ts'`)]).length, 1)
  assert.equal(circles([at('p/x.ts', `import './x.ts'`)]).length, 1)
  assert.deepEqual(circles([x, y, at('p/deep/z.ts', '')]), [])
})

test('adapters that meet are found', () => {
  assert.equal(strangers([at('p/adapters/x.ts', `import './y.ts'`)]).length, 1)
  assert.deepEqual(strangers([at('p/adapters/x.ts', `import '../y.ts'\nimport './x_error.ts'`)]), [])
})

test('each reserved thing is found outside its place and left alone inside', () => {
  const issue = 'packages/server/src/issue/x.ts'
  const clocks = ['Date.now()', 'new Date()', 'const d = new Date\n', 'performance.now()', 'globalThis.Date.now()']
  const randoms = ['Math.random()', `import { randomBytes } from 'node:crypto'`, 'crypto.randomUUID()', 'crypto.getRandomValues(a)']
  const worlds = ['process.env', 'process.exit(1)', 'globalThis.process.env', `import { env } from 'node:process'`, 'globalThis.fetch(url)']
  const edge = 'packages/server/src/server/x.ts'
  for (const text of [...clocks, ...randoms, ...worlds]) {
    assert.ok(forbids(issue, text), `${text} in ${issue}`)
    assert.ok(!forbids(edge, text), `${text} in ${edge}`)
  }
  const harmless = [
    'new Date(ms)',
    'options.now()',
    '// Date.now()',
    `'Math.random()'`,
    'type F = typeof globalThis.fetch',
    'row.process',
    'fetch: F',
  ]
  for (const text of harmless) assert.ok(!forbids(issue, text), text)
})

test('drivers, framework and node: modules are found outside their places', () => {
  const places: readonly (readonly [string, string, string])[] = [
    [`import pg from 'pg'`, 'packages/server/src/store/adapters/postgres.ts', 'packages/server/src/store/tables/x.ts'],
    [`import { DatabaseSync } from 'node:sqlite'`, 'packages/server/src/store/adapters/sqlite.ts', 'packages/server/src/store/x.ts'],
    [`import type { FastifyInstance } from 'fastify'`, 'examples/guard_fastify.ts', 'packages/guard/src/adapters/fastify.ts'],
    [`import { sign } from 'node:crypto'`, 'packages/protocol/src/jose/jws.ts', 'packages/protocol/src/oauth/x.ts'],
    [`import { open } from 'node:fs/promises'`, 'packages/call/src/token_file.ts', 'packages/call/src/budget.ts'],
    ['const now = Date.now', 'packages/call/src/client.ts', 'packages/call/src/budget.ts'],
  ]
  for (const [text, good, bad] of places) {
    assert.ok(!forbids(good, text), `${text} in ${good}`)
    assert.ok(forbids(bad, text), `${text} in ${bad}`)
  }
})

test('rooms and files without a subject are found', () => {
  const names = ['a/utils/x.ts', 'a/common.ts', 'a/types.test.ts', 'a/shared/deep/x.ts', 'a/helper.ts', 'a/misc/x.ts']
  assert.equal(namelessRooms(names).length, names.length)
  assert.deepEqual(namelessRooms(['a/token_types/x.ts', 'a/grant_type.ts']), [])
})

test('a barrel is found, however it is spelled', () => {
  const isBarrel = (text: string) => barrels([at('x.ts', text)]).length > 0
  assert.ok(isBarrel(`// Everything.\nexport * from './a.ts'\nexport type { B } from './b.ts'\n`))
  assert.ok(isBarrel(`import { a } from './a.ts'\nimport type { B } from './b.ts'\nexport { a }\nexport type { B }\n`))
  assert.ok(!isBarrel(`export * from './a.ts'\nexport const b = 1\n`))
  assert.ok(!isBarrel(`import './a.ts'\n`))
})

test('a source without an opening comment, and one that is too long, are found', () => {
  assert.equal(headers([at('x.ts', 'export const a = 1\n')]).length, 1)
  assert.deepEqual(headers([at('x.ts', '#!/usr/bin/env node\n// Owns a.\n'), at('y.ts', '/* Owns b. */')]), [])
  assert.equal(lengths([at('x.ts', 'a\n'.repeat(4))], 3, []).length, 1)
  assert.deepEqual(lengths([at('x.ts', 'a\n'.repeat(3)), at('y.ts', 'a\n'.repeat(4))], 3, ['y.ts']), [])
})
