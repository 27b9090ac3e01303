// What the client weighs in a bundle, and that its core needs nothing but what the web platform has.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import type { Plugin } from 'esbuild'
import { build } from 'esbuild'
import { ROOT } from './docs/child.ts'

/** What an engine without Node gives a program. The language's own objects are the context's. */
const WEB_GLOBALS = [
  'AbortController',
  'AbortSignal',
  'Blob',
  'FormData',
  'Headers',
  'ReadableStream',
  'Request',
  'Response',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'URLSearchParams',
  'atob',
  'btoa',
  'clearTimeout',
  'crypto',
  'fetch',
  'performance',
  'setTimeout',
] as const

interface Bundle {
  readonly code: string
  readonly gzipped: number
  /** Bytes by file, the largest first. */
  readonly parts: string
}

/** Leaves out what a program loads when it first needs it, as a bundler does that splits its output. */
const SPLIT: Plugin = {
  name: 'split',
  setup: (build) =>
    build.onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' ? { path, external: true } : undefined)),
}

/** As `esbuild --bundle --minify --platform=neutral` does it. @throws Error for an import of `node:` */
async function bundle(program: string, format: 'esm' | 'iife', plugins: Plugin[] = []): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format,
    globalName: 'program',
    conditions: ['source'],
    platform: 'neutral',
    write: false,
    metafile: true,
    logLevel: 'silent',
    plugins,
  })
  const [file] = outputFiles
  assert.ok(file)
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs))
  const parts = inputs.sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput).map(([path, one]) => `${one.bytesInOutput} ${path}`)
  return { code: file.text, gzipped: gzipSync(file.contents, { level: 9 }).byteLength, parts: parts.join('\n') }
}

/**
 * The core is what `createClient` brings along at once. Discovery, redirects, failures, the budget and revocation come when they are first
 * needed; a program in one file carries them all.
 */
const BOUNDS = [
  { what: 'the core', program: "export { createClient } from '@countersign/call'", plugins: [SPLIT], most: 10_000 },
  { what: 'the core with all it may load', program: "export { createClient } from '@countersign/call'", plugins: [], most: 13_500 },
  {
    what: 'the core with one preset',
    program: "export { createClient } from '@countersign/call'; export { willba } from '@countersign/call/presets'",
    plugins: [SPLIT],
    most: 12_200,
  },
]

for (const { what, program, plugins, most } of BOUNDS) {
  test(`${what} weighs less than ${most} bytes, minified and gzipped`, async (t) => {
    const { code, gzipped, parts } = await bundle(program, 'esm', plugins)
    t.diagnostic(`${what}: ${gzipped} bytes gzipped, ${code.length} minified`)
    assert.ok(gzipped < most, `${gzipped} bytes:\n${parts}`)
  })
}

test('the core carries neither the check of a document nor any dialect but the standard one', async () => {
  const { parts } = await bundle(BOUNDS[0]?.program ?? '', 'esm')
  for (const left of [
    'dialect/check.ts',
    'dialect/meaning.ts',
    'dialect/builtin/',
    'dialect/resolve.ts',
    'oauth/strict_json.ts',
    '/cli/',
  ]) {
    assert.ok(!parts.includes(left), `${left} is in the bundle`)
  }
})

test('the core, its dialects and its presets run where there are only web globals', async (t) => {
  const server = createServer((request, response) => {
    const answer = request.url === '/token' ? { access_token: 'abc', token_type: 'Bearer', expires_in: 60 } : request.headers
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code } = await bundle(
    `import { createClient } from '@countersign/call'
     import { dialect } from '@countersign/call/dialect'
     import { willba } from '@countersign/call/presets'
     export async function run(origin) {
       const given = { clientId: 'ours', clientSecret: 'our-secret', tokenUrl: origin + '/token', apiOrigins: [origin] }
       const clients = [createClient(given), createClient({ ...given, dialect: dialect('webcommander'), username: 'u', password: 'p' }), createClient(willba(given))]
       const answers = await Promise.all(clients.map((client) => client.fetch(origin + '/orders', { method: 'POST', body: 'x' })))
       return JSON.stringify(await Promise.all(answers.map((answer) => answer.json())))
     }`,
    'iife',
  )
  const context = createContext(Object.fromEntries(WEB_GLOBALS.map((name) => [name, globalThis[name]])))
  assert.equal(runInContext('typeof process + typeof Buffer + typeof require', context), 'undefinedundefinedundefined')
  runInContext(code, context)
  const said: unknown = await runInContext(`program.run(${JSON.stringify(origin)})`, context)
  const [standard, webcommander, willba] = JSON.parse(String(said)) as readonly Record<string, string>[]
  assert.equal(standard?.['authorization'], 'Bearer abc')
  assert.equal(webcommander?.['access_token'], 'abc')
  assert.equal(willba?.['authorization'], 'Bearer abc')
})
