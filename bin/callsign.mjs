// `callsign` from source; see countersign.mjs.
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/countersign', import.meta.url)))
await import('../packages/call/src/cli/main.ts')
