// The published form, plain JavaScript resolved through the packages' exports, on the oldest Node that is promised.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startApi, startProvider } from './fake_provider.ts'

const run = promisify(execFile)
const packages = fileURLToPath(new URL('../../', import.meta.url))

async function findNode20(): Promise<string | undefined> {
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
    await writeFile(out, code.replaceAll(/(from ')(\.[^']+)\.ts'/g, "$1$2.js'"))
  }
  await cp(join(packages, name, 'package.json'), join(target, 'package.json'))
}

test('on Node 20 fifty cold calls cost one token request, and the command works', async (t) => {
  const node = await findNode20()
  if (node === undefined) return t.skip('no Node 20 on the PATH')
  const root = await mkdtemp(join(tmpdir(), 'call-node20-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const modules = join(root, 'node_modules', '@countersign')
  await Promise.all(['protocol', 'call'].map((name) => build(name, join(modules, name))))
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const program = join(root, 'program.mjs')
  await writeFile(
    program,
    `import { createClient } from '@countersign/call'
     const [tokenUrl, origin] = process.argv.slice(2)
     const client = createClient({ tokenUrl, clientId: 'ours', clientSecret: 'our-secret', apiOrigins: [origin] })
     const answers = await Promise.all(Array.from({ length: 50 }, () => client.fetch(origin + '/orders')))
     console.log(process.version, answers.filter((one) => one.ok).length)`,
  )
  const { stdout } = await run(node, [program, provider.tokenUrl, api.origin])
  assert.match(stdout, /^v20\..* 50\n$/)
  assert.equal(provider.requests.length, 1)
  const main = join(modules, 'call', 'dist', 'cli', 'main.js')
  const env = { CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'our-secret' }
  const command = await run(node, [main, 'token', '--token-url', provider.tokenUrl], { env })
  assert.equal(command.stdout, 'token-2\n')
  return undefined
})
