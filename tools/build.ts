// Compiles the packages to `dist` for publishing: JavaScript, declarations and source maps, in the order of their arrows.
// Arguments name the packages to build; without any, all of them. `--in FOLDER` builds a copy of the packages instead, which a test
// makes so that it leaves the repository alone. Running from source needs none of this.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ORDER = ['protocol', 'guard', 'call', 'server']
const { values, positionals: wanted } = parseArgs({ allowPositionals: true, options: { in: { type: 'string' } } })
const root = values.in ?? fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))

const unknown = wanted.filter((name) => !ORDER.includes(name))
if (unknown.length > 0) {
  console.error(`There is no package ${unknown.join(', ')}: name any of ${ORDER.join(', ')}.`)
  process.exit(2)
}
for (const name of ORDER) if (wanted.length === 0 || wanted.includes(name)) build(name)

function build(name: string): void {
  const folder = join(root, 'packages', name)
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, [tsc, '-p', `${folder}/tsconfig.build.json`], { stdio: 'inherit' })
  if (status !== 0) {
    console.error(`The package ${name} does not compile: mend the errors above and build again.`)
    process.exit(1)
  }
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  for (const command of commandsOf(folder)) if (existsSync(command)) chmodSync(command, 0o755)
  console.log(`packages/${name}/dist`)
}

function commandsOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { bin?: Record<string, string> }
  return Object.values(manifest.bin ?? {}).map((path) => `${folder}/${path}`)
}
