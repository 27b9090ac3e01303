#!/usr/bin/env node
// `callsign`: hands the world to the command line, and its exit code to the system.
import { patientFetch } from './progress.ts'
import { run } from './run.ts'

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`callsign: Standard output took no more (${error.code ?? 'unknown'}): make room, or write elsewhere.\n`)
  process.exit(1)
})
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  fetch: patientFetch(globalThis.fetch, process.stderr),
  now: () => Date.now() / 1000,
  platform: process.platform,
})
