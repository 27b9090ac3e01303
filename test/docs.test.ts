// Holds the documents to the truth: every code block is run or checked, every link and anchor exists, every npm script is there.
// Blocks run unchanged against a demo that believes it is on port 8080. A block that must not run says why, above itself.
import assert from 'node:assert/strict'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { posix } from 'node:path'
import { after, before, test } from 'node:test'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { loadConfiguration } from '../packages/server/src/config/config.ts'
import { freePort } from '../packages/server/test/harness/free_port.ts'
import type { ServerProcess } from '../packages/server/test/harness/server.ts'
import { spawnServer } from '../packages/server/test/harness/server.ts'
import { ROOT, run } from './docs/child.ts'
import type { Block } from './docs/markdown.ts'
import { readDocument } from './docs/markdown.ts'

const EXECUTED = ['README.md', 'docs/**/*.md', 'examples/README.md', 'packages/*/README.md']
const documents = globSync([...EXECUTED, '*.md'], { cwd: ROOT, exclude: ['**/node_modules/**', '**/dist/**'] })
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
  .map((path) => readDocument(path, read(path)))
const executed = new Set(globSync(EXECUTED, { cwd: ROOT }).map((path) => path.replaceAll('\\', '/')))
const blocks = documents.filter(({ path }) => executed.has(path)).flatMap((document) => document.blocks)
const scripts: Readonly<Record<string, string>> = (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts

/** npm scripts that only start one of our own programs: blocks with them are run. All others are checked to exist. */
const LAUNCHERS = ['countersign', 'callsign']
const ONLY_NPM = /^npm (?:ci|start|test|run [\w:-]+)(?: && npm (?:ci|start|test|run [\w:-]+))*$/
const NPM_RUN = /\bnpm (?:run (?:-s |--silent )?([a-z][\w:-]*)|(start|test)\b)/g
/** A plain fence is a drawing; these words begin a command. */
const COMMAND = /^\s*\$?\s*(?:npm|npx|node|curl|callsign|countersign|docker)\s/m

const sh = blocks.filter((block) => block.language === 'sh')
const ts = blocks.filter((block) => block.language === 'ts')
const json = blocks.filter((block) => block.language === 'json')
const hasCurl = (await run('curl', ['--version']).catch(() => undefined))?.code === 0

// Ignored by git, linters and compilers, and inside the tree, so that the packages resolve.
mkdirSync(`${ROOT}dist`, { recursive: true })
const folder = mkdtempSync(`${ROOT}dist/docs-`)
mkdirSync(`${folder}/tmp`)
let demo: ServerProcess
let env: Record<string, string>
before(async () => {
  const port = await freePort()
  demo = await spawnServer(['--demo', '--port', String(port)], { COUNTERSIGN_PUBLIC_URL: 'http://127.0.0.1:8080' })
  const publicOrigin = `http://127.0.0.1:${port}`
  env = {
    PATH: programs(),
    CURL_HOME: folder,
    // What a block leaves behind goes with the folder.
    TMPDIR: `${folder}/tmp`,
    // Profiles and tokens of whoever runs the tests are not the documents' business.
    XDG_CACHE_HOME: `${folder}/cache`,
    XDG_CONFIG_HOME: `${folder}/config`,
    NODE_OPTIONS: `--import ${new URL('docs/demo_port.ts', import.meta.url).href}`,
    DOCS_PUBLIC: publicOrigin,
    DOCS_MANAGEMENT: demo.managementOrigin,
    // What the documents take from the environment.
    WILLBA_SECRET: 'YOUR_CLIENT_SECRET',
    npm_config_update_notifier: 'false',
    npm_config_logs_max: '0',
  }
  const { host } = new URL(demo.managementOrigin)
  writeFileSync(
    `${folder}/.curlrc`,
    `noproxy = "*"\nconnect-to = "127.0.0.1:8080:127.0.0.1:${port}"\nconnect-to = "127.0.0.1:8081:${host}"\n`,
  )
})
after(async () => {
  await demo.kill()
  rmSync(folder, { recursive: true })
})

test('there are blocks to judge, and each is of a kind that is run, checked or drawn', () => {
  assert.ok(sh.length > 0 && ts.length > 0)
  const strange = blocks.filter(
    ({ language, text }) => !['', 'sh', 'ts', 'json'].includes(language) || (language === '' && COMMAND.test(text)),
  )
  assert.deepEqual(strange.map(place), [])
})

test("README's first two blocks start the demo and run the tests", () => {
  const lines = sh.filter((block) => block.document === 'README.md').map((block) => block.text.trim())
  assert.deepEqual(lines.slice(0, 2), ['npm ci && npm start', 'npm ci && npm test'])
})

test('every npm script that a document names is there', () => {
  const named = documents.flatMap(({ path, text }) =>
    [...text.matchAll(NPM_RUN)].map((match) => ({ path, script: match[1] ?? match[2] ?? '' })),
  )
  assert.ok(named.length > 0)
  assert.deepEqual(
    named.filter(({ script }) => scripts[script] === undefined),
    [],
  )
})

for (const block of sh.filter((one) => !isOnlyNpm(one))) {
  const curlMissing = !hasCurl && /\bcurl\b/.test(block.text) ? 'curl is not installed' : undefined
  test(`${place(block)} runs as a shell would run it`, { skip: block.excuse ?? curlMissing ?? false }, async () => {
    const { code, stdout, stderr } = await run('bash', ['-eu', '-o', 'pipefail', '-c', block.text], env)
    assert.equal(code, 0, `${block.text}\n${stdout}${stderr}`)
  })
}

test('the shell can read the blocks that are not run', async () => {
  for (const block of sh.filter((one) => one.excuse !== undefined)) {
    const { code, stderr } = await run('bash', ['-n', '-c', block.text])
    assert.equal(code, 0, `${place(block)}: ${stderr}`)
  }
})

test('all TypeScript blocks have the types they say', async () => {
  for (const block of ts) writeFileSync(fileOf(block), block.text)
  const project = { extends: '../../tsconfig.json', include: ['./*.ts'], exclude: [] }
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(project))
  const { code, stdout } = await run('node', ['node_modules/typescript/bin/tsc', '-p', folder])
  assert.equal(code, 0, stdout)
})

for (const block of ts) {
  test(`${place(block)} runs`, { skip: block.excuse ?? false }, async () => {
    writeFileSync(fileOf(block), block.text)
    const { code, stdout, stderr } = await run('node', ['-C', 'source', fileOf(block)], env)
    assert.equal(code, 0, `${block.text}\n${stdout}${stderr}`)
    if (/^export default\b/m.test(block.text)) await loadConfiguration({ file: fileOf(block), env: secretsNamedIn(block.text) })
  })
}

for (const block of json) {
  test(`${place(block)} is what it looks like`, { skip: block.excuse ?? false }, async () => {
    const value: unknown = JSON.parse(block.text)
    if (typeof value !== 'object' || value === null) return
    if ('realms' in value) await loadConfiguration({ input: value, env: secretsNamedIn(block.text) })
    else if ('extends' in value || 'token_request' in value) resolveDialect(value as DialectDocument)
  })
}

for (const document of documents) {
  test(`the links of ${document.path} lead somewhere`, () => {
    assert.deepEqual(
      document.links.flatMap(({ line, target }) =>
        problem(document.path, target).map((what) => `${document.path}:${line} ${target}: ${what}`),
      ),
      [],
    )
  })
}

function problem(from: string, target: string): string[] {
  if (/^(?:https?|mailto):/.test(target)) return []
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), decodeURIComponent(path)))
  if (file.startsWith('../')) return ['leads out of the repository']
  if (!statSync(ROOT + file, { throwIfNoEntry: false })) return ['is not there']
  if (anchor === undefined || readDocument(file, read(file)).anchors.has(anchor)) return []
  return [`has no heading #${anchor}`]
}

/** Every secret that a configuration takes from the environment, made up. */
function secretsNamedIn(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/\benv"?:\s*['"](\w+)['"]/g)].map((match) => [match[1] ?? '', 'a1b2'.repeat(16)]))
}

/** The programs by their names, as an installed package has them. */
function programs(): string {
  const path = `${folder}/bin`
  mkdirSync(path)
  for (const name of LAUNCHERS) {
    writeFileSync(`${path}/${name}`, `#!/bin/sh\nexec node -C source '${ROOT}bin/${name}.mjs' "$@"\n`, { mode: 0o755 })
  }
  return path
}

function isOnlyNpm({ text }: Block): boolean {
  const lines = text.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim())
  return lines.every(
    (line) => line === '' || line.startsWith('#') || (ONLY_NPM.test(line) && !LAUNCHERS.some((name) => line.endsWith(` ${name}`))),
  )
}

function place({ document, line, language, excuse }: Block): string {
  return `${document}:${line} (${language === '' ? 'plain' : language}${excuse === undefined ? '' : ', not run'})`
}

function fileOf({ document, line }: Block): string {
  return `${folder}/${document.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}_${line}.ts`
}

function read(path: string): string {
  return readFileSync(ROOT + path, 'utf8')
}
