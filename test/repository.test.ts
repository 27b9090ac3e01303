// Holds what a reader of the repository relies on: no secrets, no traces of one machine, licences, exact versions, few dependencies.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly description?: string
  readonly exports?: unknown
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
interface LockedPackage {
  readonly hasInstallScript?: boolean
  readonly resolved?: string
  readonly integrity?: string
  readonly optional?: boolean
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly os?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

const MOST_RUNTIME_DEPENDENCIES = 15

/** What no file may hold. Written so that no pattern matches itself. */
const FORBIDDEN: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'a private key', pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\s|\\n)*[A-Za-z0-9+/]{24}/ },
  { what: 'a GitHub token', pattern: /\b(?:gh[opsur]_[A-Za-z0-9]{30,}|github_pat_\w{30,})/ },
  { what: 'a GitLab token', pattern: /\bglpat-[\w-]{20,}/ },
  { what: 'an npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b|:_auth(?:Token)?\s*=/ },
  { what: 'an AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/ },
  { what: 'a Slack token', pattern: /\bxox[abeprs]-[\w-]{10,}/ },
  { what: 'a payment key', pattern: /\b[rs]k_live_\w{16,}/ },
  {
    what: "a package registry's host name",
    pattern: /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b|\b(?:artifactory|verdaccio|nexus)\.[a-z0-9-]+\.[a-z]/i,
  },
  { what: 'a path of one machine', pattern: /(?<![\w./~-])\/(?:work|root|Users|home\/[a-z][\w-]*)\/[\w.]/ },
]

const root = fileURLToPath(new URL('..', import.meta.url))
const top = json<Manifest>('package.json')
const workspaces = (top.workspaces ?? []).map((folder) => ({ folder, manifest: json<Manifest>(`${folder}/package.json`) }))
const lockfile = json<Lockfile>('package-lock.json')
const listing = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })

test('no file holds a secret or a trace of one machine', { skip: listing.status === 0 ? false : 'git cannot list the files here' }, () => {
  const paths = listing.stdout.split('\0').filter((path) => path !== '' && existsSync(root + path))
  assert.ok(paths.includes('package.json'))
  assert.deepEqual(
    paths.flatMap((path) => findings(read(path)).map((what) => `${path} holds ${what}`)),
    [],
  )
})

test('each thing no file may hold is found when it is there', () => {
  const made = [
    `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(64)}`,
    `-----BEGIN RSA PRIVATE KEY-----\\n${'A'.repeat(64)}`,
    `ghp_${'a1'.repeat(18)}`,
    `glpat-${'a1'.repeat(10)}`,
    `npm_${'a1'.repeat(18)}`,
    `AKIA${'A1'.repeat(8)}`,
    `xoxb-${'1'.repeat(12)}`,
    `sk_live_${'a1'.repeat(12)}`,
    ['https://registry', 'npmjs', 'org/x'].join('.'),
    ['', 'root', 'x'].join('/'),
  ]
  for (const text of made) assert.equal(findings(text).length, 1, text)
  for (const text of ['-----BEGIN PUBLIC KEY-----', 'https://example.com/work/x', './work/x', 'a /realms/x'])
    assert.deepEqual(findings(text), [], text)
})

test('the licence is Apache 2.0, everywhere', () => {
  assert.match(read('LICENSE'), /Apache License\s+Version 2\.0, January 2004/)
  assert.match(read('LICENSE'), /Copyright \d{4} The Countersign authors/)
  for (const { license, name } of [top, ...workspaces.map(({ manifest }) => manifest)]) assert.equal(license, 'Apache-2.0', name)
})

test('every package says what it is and what it exports, and all have one version', () => {
  assert.ok(workspaces.length > 0)
  for (const { folder, manifest } of workspaces) {
    assert.ok((manifest.description ?? '').length > 10, `${folder} has no description`)
    assert.ok(manifest.exports !== undefined, `${folder} has no exports`)
    assert.equal(manifest.version, top.version, `${folder} has another version than the repository`)
  }
})

test('every dependency is pinned to one exact version, and our own to the version they have', () => {
  const own = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.version]))
  for (const manifest of [top, ...workspaces.map((workspace) => workspace.manifest)]) {
    const pins = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
    for (const [name, version] of Object.entries(pins)) {
      assert.match(version, /^(?:npm:[a-z]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/, `${manifest.name} does not pin ${name}`)
      assert.equal(version, own.get(name) ?? version, `${manifest.name} wants another ${name}`)
    }
  }
})

test('no package that is there at run time has an install script, and each is locked by its hash and not by a host', () => {
  const installed = Object.entries(lockfile.packages).filter(([path]) => path.includes('node_modules/'))
  for (const [path, entry] of installed) {
    // Programs for tests and measurements; npm is told to run no script at all (.npmrc).
    const isForTests = (entry.dev ?? false) || (entry.devOptional ?? false)
    assert.ok(isForTests || entry.hasInstallScript !== true, `${path} has an install script: pin it away with an npm override`)
    assert.doesNotMatch(entry.resolved ?? '', /^[\w+.-]+:/, `${path} names the host it came from`)
    const isOtherPlatform = entry.optional === true && entry.os !== undefined
    if (entry.resolved === undefined && !isOtherPlatform) assert.ok(entry.integrity, `${path} has no hash`)
  }
})

test('npm runs no install script here', () => assert.match(read('.npmrc'), /^ignore-scripts=true$/m))

test('the lockfile knows every optional package, so that npm ci takes it for complete', () => {
  const locked = Object.keys(lockfile.packages)
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const isLocked = locked.some((key) => key.endsWith(`node_modules/${name}`))
      assert.ok(isLocked, `${path} may bring ${name}, which is not locked: run node -C source tools/complete_lockfile.ts`)
    }
  }
})

test(`the server needs at most ${MOST_RUNTIME_DEPENDENCIES} packages of others at run time`, () => {
  const { dependencies, optionalDependencies } = json<Manifest>('packages/server/package.json')
  const names = Object.keys({ ...dependencies, ...optionalDependencies }).filter((name) => !name.startsWith('@countersign/'))
  assert.ok(names.length <= MOST_RUNTIME_DEPENDENCIES, names.join(', '))
})

test("README's test line is the one the build machine runs", () => {
  for (const path of ['README.md', '.ci/run']) assert.match(read(path), /\bnpm ci && npm test\b/, path)
})

function findings(text: string): string[] {
  return FORBIDDEN.filter(({ pattern }) => pattern.test(text)).map(({ what }) => what)
}

function read(path: string): string {
  return readFileSync(root + path, 'utf8')
}

function json<Shape>(path: string): Shape {
  return JSON.parse(read(path)) as Shape
}
