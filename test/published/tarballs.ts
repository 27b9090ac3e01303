// The packages as they are published: built and packed in a copy, so that the repository is left alone. No network: what they
// depend on is packed from what npm ci installed.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from '../docs/child.ts'

export const NAMES = ['protocol', 'guard', 'call', 'server'] as const
export type Name = (typeof NAMES)[number]

export interface Packed {
  readonly tarball: string
  /** Paths inside. */
  readonly files: readonly string[]
}

/** @param folder an empty one */
export async function packAll(folder: string): Promise<ReadonlyMap<Name, Packed>> {
  const scope = join(folder, 'node_modules', '@countersign')
  mkdirSync(scope, { recursive: true })
  for (const file of ['LICENSE', 'tsconfig.base.json']) cpSync(join(ROOT, file), join(folder, file))
  for (const name of NAMES) {
    for (const part of ['src', 'package.json', 'README.md', 'tsconfig.build.json']) {
      const source = join(ROOT, 'packages', name, part)
      if (existsSync(source)) cpSync(source, join(folder, 'packages', name, part), { recursive: true })
    }
    symlinkSync(join(folder, 'packages', name), join(scope, name))
  }
  for (const name of ['@types', ...Object.keys(dependenciesOf(join(folder, 'packages', 'server')))]) {
    if (!name.startsWith('@countersign/')) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  await succeeds(process.execPath, ['-C', 'source', join(ROOT, 'tools/build.ts'), '--in', folder])
  const folders = NAMES.map((name) => join(folder, 'packages', name))
  const said = await succeeds('npm', ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', folder, ...folders])
  const packed = JSON.parse(said) as readonly {
    readonly name: string
    readonly filename: string
    readonly files: readonly { path: string }[]
  }[]
  return new Map(
    NAMES.map((name): [Name, Packed] => {
      const one = packed.find((other) => other.name === `@countersign/${name}`)
      assert.ok(one, `npm pack said nothing of ${name}`)
      return [name, { tarball: join(folder, one.filename), files: one.files.map(({ path }) => path) }]
    }),
  )
}

/**
 * An empty project with these packages and all they depend on, installed by npm without a network.
 * @param others of the repository's own dependencies, for the compiler's sake
 */
export async function install(folder: string, packed: readonly Packed[], others: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const tarballs = packed.map(({ tarball }) => [`@countersign/${/countersign-([a-z]+)-/.exec(tarball)?.[1]}`, `file:${tarball}`])
  const installed = [...closure(others)].map((name) => [name, `file:${join(ROOT, 'node_modules', name)}`])
  const manifest = { private: true, type: 'module', dependencies: Object.fromEntries([...tarballs, ...installed]) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const flags = ['--offline', '--install-links', '--ignore-scripts', '--no-audit', '--no-fund', '--silent', '--omit=optional']
  await succeeds('npm', ['install', '--prefix', folder, ...flags])
}

/** These packages and whatever they need, as far as it lies at the top of node_modules. */
function closure(names: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name) || name.startsWith('@countersign/')) continue
    found.add(name)
    waiting.push(...Object.keys(dependenciesOf(join(ROOT, 'node_modules', name))))
  }
  return found
}

export function dependenciesOf(folder: string): Readonly<Record<string, string>> {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly dependencies?: Record<string, string> }
  return manifest.dependencies ?? {}
}

/** What it printed. */
export async function succeeds(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, env)
  assert.equal(code, 0, `${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  return stdout
}
