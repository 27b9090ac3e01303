// Runs what a page prints: its curl lines by a shell, its JavaScript by Node. Only the host and the page's own placeholders change.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** Why the curl lines cannot run here, or false. */
export const NO_CURL: string | false = spawnSync('curl', ['--version']).error === undefined ? false : 'curl is not installed'

/** Each text must be on the page; a replacement that replaces nothing would let a test pass by accident. */
export function fillIn(page: string, replacements: Readonly<Record<string, string>>): string {
  let filled = page
  for (const [placeholder, value] of Object.entries(replacements)) {
    assert.ok(filled.includes(placeholder), `the page has no ${placeholder}`)
    filled = filled.replaceAll(placeholder, () => value)
  }
  return filled
}

/** What the lines print, run as they are by a shell. */
export function runShell(lines: string): Promise<string> {
  return output('sh', ['-c', lines])
}

/** What the JavaScript prints, run as it is in a Node of its own. */
export function runJavaScript(code: string): Promise<string> {
  return output(process.execPath, ['--input-type=module', '-e', code])
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], NO_PROXY: '*' } })
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, complained)
  return said
}

/** The scope of a JSON answer of the demo's sample API: what the guard let through and what the upstream saw. */
export interface Echo {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}
