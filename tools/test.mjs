// Runs every test with Node's own runner. Plain JavaScript, so that an old Node can read it and say what is wrong.
// Arguments replace the files to run and are otherwise passed on: `npm test -- packages/call/test/client.test.ts`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NEEDED = 26
const FILES = ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts']

if (Number.parseInt(process.versions.node, 10) < NEEDED) {
  console.error(
    `The tests need Node ${NEEDED} and this is ${process.version}: run \`npm ci\`, which brings it along, and then \`npm test\`.`,
  )
  process.exit(2)
}

const given = process.argv.slice(2)
const options = given.filter((argument) => argument.startsWith('-'))
const files = given.filter((argument) => !argument.startsWith('-'))
const run = ['-C', 'source', '--test', '--test-concurrency=2', '--test-timeout=180000', ...options, ...(files.length > 0 ? files : FILES)]

// Each file is a process of its own, and most of what it loads another has loaded before: stripped and compiled once.
const NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL('../node_modules/.cache/tests', import.meta.url))
const env = { ...process.env, NODE_COMPILE_CACHE }

const { status, signal, error } = spawnSync(process.execPath, run, { stdio: 'inherit', env })
if (error !== undefined) throw error
if (signal !== null) console.error(`The test runner was ended by ${signal}.`)
process.exit(status ?? 1)
