// `callsign` from source; see countersign.mjs.
import * as module from 'node:module'
import { fileURLToPath } from 'node:url'

if (Number.parseInt(process.versions.node, 10) < 26) {
  process.stderr.write(
    `From source callsign runs on Node 26 and this is ${process.version}: run 'npm ci', which brings it along, then 'npm run callsign'.\n`,
  )
  process.exit(2)
}
module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/countersign', import.meta.url)))
await import('../packages/call/src/cli/main.ts')
