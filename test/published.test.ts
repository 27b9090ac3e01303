// The packages as their users get them: packed, installed from the tarball into an empty project, compiled against and run there.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROOT, run } from './docs/child.ts'
import { findNode20, onPath } from './published/engines.ts'
import type { Name, Packed } from './published/tarballs.ts'
import { dependenciesOf, install, NAMES, packAll, succeeds } from './published/tarballs.ts'

const LIBRARIES = ['protocol', 'guard', 'call'] as const
const COMPILERS = {
  'TypeScript 5.9': import.meta.resolve('typescript_5_9/package.json'),
  'TypeScript 7': import.meta.resolve('typescript/package.json'),
}
const MODULES = { nodenext: 'nodenext', bundler: 'esnext' }

const root = realpathSync(mkdtempSync(join(tmpdir(), 'published-')))
const libraries = join(root, 'libraries')
const whole = join(root, 'whole')
let packed: ReadonlyMap<Name, Packed>

before(async () => {
  packed = await packAll(join(root, 'build'))
  const tarballs = (names: readonly Name[]): readonly Packed[] => names.flatMap((name) => packed.get(name) ?? [])
  await install(libraries, tarballs(LIBRARIES), ['@types/node'])
  await install(whole, tarballs(['protocol', 'guard', 'server']), [
    '@types/node',
    ...Object.keys(dependenciesOf(join(ROOT, 'packages/server'))),
  ])
})
after(() => rmSync(root, { recursive: true, force: true }))

/** Every module of a package by the name it is imported by; commands, which run when they are imported, are left out. */
function modules(name: Name): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, { readonly default: string }>>
    readonly bin?: Readonly<Record<string, string>>
  }
  const files = packed.get(name)?.files.map((file) => `./${file}`) ?? []
  return Object.entries(manifest.exports).flatMap(([subpath, { default: target }]) => {
    const [start = '', end] = target.split('*')
    if (end === undefined) return [`@countersign/${name}${subpath.slice(1)}`]
    const fitting = files.filter(
      (file) => file.startsWith(start) && file.endsWith(end) && !Object.values(manifest.bin ?? {}).includes(file),
    )
    return fitting.map((file) => `@countersign/${name}${subpath.slice(1).replace('*', file.slice(start.length, -end.length))}`)
  })
}

test('a tarball holds its built form, its page and its licence, and no source', () => {
  for (const name of NAMES) {
    const files = packed.get(name)?.files ?? []
    const odd = files.filter((file) => !/^(dist\/.+\.(js|js\.map|d\.ts)|README\.md|LICENSE|package\.json)$/.test(file))
    assert.deepEqual(odd, [], name)
    for (const file of ['README.md', 'LICENSE']) assert.ok(files.includes(file), `${name} has no ${file}`)
    const untyped = files.filter((file) => file.endsWith('.js') && !files.includes(file.replace(/\.js$/, '.d.ts')))
    assert.deepEqual(untyped, [], name)
  }
})

for (const [compiler, place] of Object.entries(COMPILERS)) {
  for (const [resolution, module] of Object.entries(MODULES)) {
    test(`every module has its types for ${compiler}, module resolution ${resolution}`, async () => {
      const lines = LIBRARIES.flatMap(modules).map((name, index) => `export * as m${index} from '${name}'`)
      assert.ok(lines.length > 60)
      await compiles(libraries, place, { module, moduleResolution: resolution, types: ['node'], lib: ['es2023'] }, lines.join('\n'))
    })
  }
  test(`the core of call compiles with the web's types alone, without Node's, by ${compiler}`, async () => {
    const compilerOptions = { module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2023', 'dom', 'dom.iterable'] }
    await compiles(libraries, place, compilerOptions, PROGRAM)
    const wrong = await compile(libraries, place, compilerOptions, PROGRAM.replace("clientId: 'ours'", 'clientId: 5'))
    assert.match(wrong.stdout, /Type 'number' is not assignable to type 'string'/)
  })
  test(`a configuration compiles against the server's types, by ${compiler}`, async () => {
    const program = `import { defineConfig } from '@countersign/server'\nexport default defineConfig({ realms: [{ id: 'main', clients: [] }] })`
    await compiles(whole, place, { module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], lib: ['es2023'] }, program)
  })
}

const PROGRAM = `
  import { createClient } from '@countersign/call'
  import { dialect } from '@countersign/call/dialect'
  import { TokenRequestFailed } from '@countersign/call/errors'
  import { willba } from '@countersign/call/presets'
  export const client = createClient({ tokenUrl: 'https://a.example/token', dialect: dialect('keycloak'), clientId: 'ours', clientSecret: 's' })
  export const other = createClient(willba({ clientId: 'ours', clientSecret: async () => 's' }))
  export const status: Promise<number> = client.fetch('https://api.example/').then((response) => response.status)
  export const failed = (error: unknown): string => (error instanceof TokenRequestFailed ? error.code : '')
`

async function compiles(...args: Parameters<typeof compile>): Promise<void> {
  const { code, stdout, stderr } = await compile(...args)
  assert.equal(code, 0, `${stdout.slice(0, 4000)}${stderr}`)
}

async function compile(project: string, compiler: string, options: object, program: string) {
  writeFileSync(join(project, 'program.ts'), program)
  const compilerOptions = {
    target: 'es2022',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    ...options,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  return run(process.execPath, [fileURLToPath(new URL('bin/tsc', compiler)), '-p', project])
}

/** In the project's folder: `import` looks for packages from there. */
async function imports(engine: string, args: readonly string[], project: string, names: readonly string[]): Promise<void> {
  const program = join(project, 'imports.mjs')
  const lines = names.map((name) => `await import('${name}')`)
  writeFileSync(program, `${lines.join('\n')}\nconsole.log('${names.length} modules')\n`)
  assert.equal(await succeeds(engine, [...args, program]), `${names.length} modules\n`)
}

test('every module is imported, and callsign runs, on this Node', async () => {
  await imports(process.execPath, [], libraries, LIBRARIES.flatMap(modules))
  await imports(process.execPath, [], whole, modules('server'))
  assert.match(await succeeds(process.execPath, [join(libraries, 'node_modules/.bin/callsign'), '--help']), /callsign/)
})

test('every module is imported, and callsign runs, on Node 20', async (t) => {
  const node = await findNode20()
  if (node === undefined) return t.skip('no Node 20 on the PATH')
  await imports(node, [], libraries, LIBRARIES.flatMap(modules))
  assert.match(await succeeds(node, [join(libraries, 'node_modules/.bin/callsign'), '--help']), /callsign/)
  return undefined
})

test('countersign runs from its tarball', async () => {
  assert.match(await succeeds(process.execPath, [join(whole, 'node_modules/.bin/countersign'), '--help']), /countersign/)
})

for (const [engine, args] of [
  ['bun', ['run']],
  ['deno', ['run', '--allow-all', '--node-modules-dir=manual']],
] as const) {
  test(`the core of call is imported by ${engine}`, async (t) => {
    const [path] = onPath(engine)
    if (path === undefined) return t.skip(`no ${engine} on the PATH`)
    await imports(path, args, libraries, ['@countersign/call', '@countersign/call/presets', '@countersign/call/dialect'])
    return undefined
  })
}
