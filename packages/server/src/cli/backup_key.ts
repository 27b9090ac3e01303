// The key of a backup: made, read, and refused where it is none. Never printed, never an argument.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { noFindings, sentence } from '../config/error.ts'
import { readMasterKey, whyUnreadable } from '../config/secret.ts'
import { KEY_BYTES, keyId } from '../store/dump_file.ts'
import type { Io } from './command.ts'
import { UsageError } from './command.ts'

const VARIABLE = 'COUNTERSIGN_BACKUP_KEY'

export const KEY_OPTIONS = { 'key-file': { type: 'string' }, plain: { type: 'boolean' } } as const

export interface KeyChoice {
  readonly 'key-file'?: string
  readonly plain?: boolean
}

/** What is said where no key is named. */
export const WRITING = `A backup holds every secret the server lives by: name a key with --key-file FILE or ${VARIABLE} (\`countersign backup --new-key FILE\` makes one), or say --plain.`
export const READING = `A backup is read with the key it was written with: name it with --key-file FILE or ${VARIABLE}, or say --plain if it was written without.`

/** @returns null: --plain was said. @throws UsageError */
export async function readBackupKey(
  { 'key-file': file, plain = false }: KeyChoice,
  { env }: Io,
  keyless: string,
): Promise<Uint8Array | null> {
  const variable = env[VARIABLE] ?? ''
  if (plain && file !== undefined) throw new UsageError('--plain does not go with --key-file: leave one of the two out.')
  if (plain) return null
  if (file === undefined && variable === '') throw new UsageError(keyless)
  const findings = noFindings()
  const source = { env: { [VARIABLE]: variable }, folder: '.', demo: false }
  const key = await readMasterKey(file === undefined ? { env: VARIABLE } : { file }, source, findings)
  if (key) return key
  const [mistake] = findings.mistakes.map((one) => sentence({ ...one, path: file === undefined ? VARIABLE : '--key-file' }))
  throw new UsageError(mistake ?? 'The key cannot be read.')
}

/** Of its owner alone, and never in the place of another file. @returns its id, which a backup's first line shows */
export function makeBackupKey(file: string): string {
  const key = randomBytes(KEY_BYTES)
  try {
    writeFileSync(file, `${key.toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    if (exists) throw new UsageError(`${file} is there already: a key is never written over, so choose another name.`)
    throw new UsageError(`${file} ${whyUnreadable(error).replace('read', 'written')}: choose another place with --new-key.`)
  }
  return keyId(key)
}
