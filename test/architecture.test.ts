// Holds the house's plan (docs/ARCHITECTURE.md): floors, arrows, what may be named where, and the shape of a source file.
// The plan is data, at the top; the laws are in tools/architecture/laws.ts and proved breakable in architecture_laws.test.ts.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Offence, PackagePlan } from '../tools/architecture/laws.ts'
import { arrows, barrels, circles, floors, headers, lengths, namelessRooms, reserved, strangers } from '../tools/architecture/laws.ts'
import { EDGE, RESERVED } from '../tools/architecture/reservations.ts'
import { readSource } from '../tools/architecture/source.ts'

/** Room -> floor within its package; '' is the files beside the folders. A file imports its own room and lower floors. */
const PLANS: readonly PackagePlan[] = [
  { source: 'packages/protocol/src', floors: { oauth: 1, jose: 2, dialect: 2 }, imports: [] },
  { source: 'packages/guard/src', floors: { '': 3, adapters: 4 }, imports: ['@countersign/protocol'] },
  {
    source: 'packages/call/src',
    floors: { '': 3, grants: 4, client_auth: 4, caches: 4, adapters: 4, sidecar: 5, cli: 6 },
    imports: ['@countersign/protocol'],
  },
  {
    source: 'packages/server/src',
    floors: { model: 2, store: 3, issue: 3, gateway: 4, admin: 4, portal: 5, config: 5, server: 6, cli: 7 },
    imports: ['@countersign/protocol', '@countersign/guard', ...dependenciesOf('packages/server')],
  },
]

const MOST_LINES = 250
/** Files that are too long for now. Meant to be empty. */
const LONG_FOR_NOW: readonly string[] = []

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = listing('packages/*/src/**/*.ts').map((path) => readSource(path, read(path)))
const written = ['packages', 'test', 'tools', 'bench', 'examples'].flatMap((folder) => listing(`${folder}/**/*.{ts,mts,js,mjs}`))

test('there are sources to judge', () => assert.ok(sources.length > 0))
test('imports run down the floors, and rooms on one floor never meet', () => holds(floors(sources, PLANS)))
test('the arrows between packages run one way', () => holds(arrows(sources, PLANS)))
test('imports make no circle', () => holds(circles(sources)))
test('adapters never meet', () => holds(strangers(sources)))
test('clock, randomness, environment, fetch, drivers and framework stay at their places', () => holds(reserved(sources, RESERVED)))
test('a module chosen at run time is loaded only at the edge', () => {
  const computed = sources.filter((file) => file.computedImports > 0 && !EDGE.some((edge) => edge.test(file.path)))
  holds(computed.map(({ path }) => ({ file: path, law: 'Only config/, server/ and cli/ may import a module whose name is computed.' })))
})
test('every room is named for its subject', () => holds(namelessRooms(written)))
test('no package has a barrel inside', () => holds(barrels(sources)))
test('every source file opens with a comment', () => holds(headers(sources)))
test(`no source file outgrows ${MOST_LINES} lines`, () => holds(lengths(sources, MOST_LINES, LONG_FOR_NOW)))
test('protocol depends on nothing, guard and call on protocol alone', () => {
  assert.deepEqual(dependenciesOf('packages/protocol'), [])
  assert.deepEqual(dependenciesOf('packages/guard'), ['@countersign/protocol'])
  assert.deepEqual(dependenciesOf('packages/call'), ['@countersign/protocol'])
  assert.ok(!dependenciesOf('packages/server').includes('@countersign/call'), 'server never depends on call')
})

function holds(offences: readonly Offence[]): void {
  assert.equal(offences.length, 0, `\n${offences.map(({ file, law }) => `  ${file}: ${law}`).join('\n')}\n`)
}

function listing(pattern: string): string[] {
  const found = globSync(pattern, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] })
  return found.map((path) => path.replaceAll('\\', '/')).sort()
}

function read(path: string): string {
  return readFileSync(`${root}/${path}`, 'utf8')
}

/** Everything a package brings along when it is installed. */
function dependenciesOf(folder: string): string[] {
  const text = readFileSync(new URL(`../${folder}/package.json`, import.meta.url), 'utf8')
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) => Object.keys(manifest[kind] ?? {}))
}
