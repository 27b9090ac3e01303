// The published form of protocol and call in a folder of its own, plain JavaScript found through the packages' exports, for programs
// that run on any Node; and the Nodes to run them on.
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packages = fileURLToPath(new URL('../../../', import.meta.url))

/** A folder with the packages in its node_modules, and how to remove it. */
export async function buildPublishedForm(): Promise<{ readonly folder: string; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'call-published-'))
  const modules = join(folder, 'node_modules', '@countersign')
  await Promise.all(['protocol', 'call'].map((name) => build(name, join(modules, name))))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

export async function findNode20(): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(folder, 'node')
    const version = await run(node, ['--version']).catch(() => undefined)
    if (version?.stdout.startsWith('v20.')) return node
  }
  return undefined
}

/** Types stripped and `.ts` turned to `.js`, as the build does it, without its checks. */
async function build(name: string, target: string): Promise<void> {
  const source = join(packages, name, 'src')
  for (const file of await readdir(source, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    const out = join(target, 'dist', file.replace(/\.ts$/, '.js'))
    const code = stripTypeScriptTypes(await readFile(join(source, file), 'utf8'))
    await mkdir(dirname(out), { recursive: true })
    await writeFile(out, code.replaceAll(/(from '|import\(')(\.[^']+)\.ts'/g, "$1$2.js'"))
  }
  await cp(join(packages, name, 'package.json'), join(target, 'package.json'))
}
