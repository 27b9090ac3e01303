// The used database with an encrypted backup of it, and commands run in this process.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { command as backup } from '../../src/cli/backup.ts'
import type { Command } from '../../src/cli/command.ts'
import { UsageError } from '../../src/cli/command.ts'
import type { Used } from './used.ts'
import { folder, use } from './used.ts'

export interface BackedUp {
  /** Folder of all that follows. */
  readonly place: string
  readonly data: string
  readonly used: Used
  readonly key: string
  readonly file: string
  /** What the command printed. */
  readonly written: string
}

export async function backUp(): Promise<BackedUp> {
  const place = folder()
  const data = join(place, 'data')
  const used = await use(data)
  const key = join(place, 'key')
  const file = join(place, 'backup')
  await succeeding(backup, '--new-key', key)
  const written = await succeeding(backup, '--data', data, '--out', file, '--key-file', key)
  return { place, data, used, key, file, written }
}

export interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function run(command: Command, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  let out = ''
  let err = ''
  try {
    const code = await command.run(args, { env, out: (text) => (out += text), err: (text) => (err += text) })
    return { code, out, err }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { code: 2, out, err: `${err}${error.message}` }
  }
}

/** What it printed. */
export async function succeeding(command: Command, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(command, args)
  assert.equal(code, 0, err)
  return out
}
