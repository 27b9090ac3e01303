// countersign version
import { readFileSync } from 'node:fs'
import type { Command } from './command.ts'

export const command: Command = {
  summary: 'print the version',
  usage: 'Usage: countersign version',
  run(_args, io) {
    io.out(`${version()}\n`)
    return Promise.resolve(0)
  },
}

/** Of the package's manifest, which lies at the same place from the sources and from what is published. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
}
