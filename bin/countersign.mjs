// `countersign` from source. Stripped and compiled code is kept beside the dependencies, where only the owner of the clone writes:
// the next start is three times as fast, and does without the type stripper's memory.
import * as module from 'node:module'
import { fileURLToPath } from 'node:url'

if (Number.parseInt(process.versions.node, 10) < 26) {
  process.stderr.write(
    `Countersign runs on Node 26 and this is ${process.version}: run 'npm ci', which brings it along, then 'npm start' or 'npm run countersign'.\n`,
  )
  process.exit(2)
}
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/countersign', import.meta.url)))
// A server that is killed one day has written its cache by then.
setTimeout(module.flushCompileCache, 2000).unref()
await import('../packages/server/src/cli/main.ts')
