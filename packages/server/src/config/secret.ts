// Reads what a SecretRef names, once, at start: environment, file or hash. Owns the rules for what is given as a hash, not the hashing.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { decodeBase64url } from '@countersign/protocol/jose/base64url'
import { checkCredential } from '@countersign/protocol/oauth/credential'
import { hashPassword, isPasswordHash, MAX_PASSWORD_LENGTH } from '../issue/password.ts'
import { secretHash } from '../model/secret_hash.ts'
import { DEMO_PASSWORD_HASHES, DEMO_SECRETS } from './demo.ts'
import type { Findings } from './error.ts'
import type { SecretRef } from './input.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface SecretSource {
  readonly env: Environment
  /** Where relative paths start. */
  readonly folder: string
  /** The demo's own secrets are short, and allowed. */
  readonly demo: boolean
}

/** Below this a warning is printed: 16 characters of base64url are 96 bits. */
const SHORT = 16
const MAX_LENGTH = 1024
const MAX_FILE_BYTES = 8192

export interface ReadSecret {
  /** `sha256:...` */
  readonly hash: string
  /** The secret itself, not to be kept; null where the configuration has its hash only. */
  readonly text: string | null
}

/** A client secret or API key; undefined after a mistake. */
export async function readSecret(ref: SecretRef, path: string, source: SecretSource, findings: Findings): Promise<ReadSecret | undefined> {
  if ('hash' in ref) {
    const hash = checkedSecretHash(ref.hash, path, source, findings)
    return hash === undefined ? undefined : { hash, text: null }
  }
  const text = await readText(ref, path, source, findings)
  if (text === undefined) return undefined
  if (checkCredential(text) === 'damaged') {
    findings.mistakes.push({ path, message: 'is mistyped or cut short (its checksum does not match): copy it again, whole' })
    return undefined
  }
  if (text.length < SHORT && !source.demo) {
    findings.warnings.push({
      path,
      message: `has fewer than ${SHORT} characters: a random secret of 256 bits comes from \`countersign init\``,
    })
  }
  const hash = checkedSecretHash(secretHash(text), path, source, findings)
  return hash === undefined ? undefined : { hash, text }
}

/** `$argon2id$...` of a person's password; undefined after a mistake. */
export async function readPasswordHash(
  ref: SecretRef,
  path: string,
  source: SecretSource,
  findings: Findings,
): Promise<string | undefined> {
  if ('hash' in ref) {
    if (!source.demo && DEMO_PASSWORD_HASHES.includes(ref.hash)) return refuseDemo(path, findings)
    if (isPasswordHash(ref.hash)) return ref.hash
    findings.mistakes.push({ path: `${path}.hash`, message: 'must be an argon2id string as `countersign hash --password` prints it' })
    return undefined
  }
  const text = await readText(ref, path, source, findings)
  if (text === undefined) return undefined
  if (text.length > MAX_PASSWORD_LENGTH) {
    findings.mistakes.push({ path, message: `has more than ${MAX_PASSWORD_LENGTH} characters` })
    return undefined
  }
  if (isDemoSecret(text)) return refuseDemo(path, findings)
  return await hashPassword(text)
}

/** The 32 bytes of a master key; undefined after a mistake. */
export async function readMasterKey(
  ref: Exclude<SecretRef, { hash: string }>,
  source: SecretSource,
  findings: Findings,
): Promise<Uint8Array | undefined> {
  const text = await readText(ref, 'masterKey', source, findings)
  if (text === undefined) return undefined
  const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : base64(text)
  if (bytes?.length === 32) return bytes
  findings.mistakes.push({
    path: 'masterKey',
    message: 'must be 32 bytes as base64url, base64 or hex, as `openssl rand -hex 32` prints them',
  })
  return undefined
}

function base64(text: string): Buffer | undefined {
  return decodeBase64url(text.replaceAll('+', '-').replaceAll('/', '_').replace(/=$/, ''))
}

function checkedSecretHash(hash: string, path: string, source: SecretSource, findings: Findings): string | undefined {
  const digest = hash.startsWith('sha256:') ? decodeBase64url(hash.slice('sha256:'.length)) : undefined
  if (digest?.length !== 32) {
    findings.mistakes.push({ path: `${path}.hash`, message: 'must be sha256: and a base64url digest, as `countersign hash` prints it' })
    return undefined
  }
  if (!source.demo && DEMO_HASHES.has(hash)) return refuseDemo(path, findings)
  return hash
}

const DEMO_HASHES: ReadonlySet<string> = new Set(Object.values(DEMO_SECRETS).map(secretHash))

function isDemoSecret(text: string): boolean {
  return DEMO_HASHES.has(secretHash(text))
}

function refuseDemo(path: string, findings: Findings): undefined {
  findings.mistakes.push({ path, message: 'is a secret of the public demo, which everybody knows: make your own with `countersign init`' })
  return undefined
}

async function readText(
  ref: Exclude<SecretRef, { hash: string }>,
  path: string,
  source: SecretSource,
  findings: Findings,
): Promise<string | undefined> {
  const text = 'env' in ref ? fromEnvironment(ref.env, path, source, findings) : await fromFile(ref.file, path, source, findings)
  if (text === undefined) return undefined
  if (text.length <= MAX_LENGTH) return text
  findings.mistakes.push({ path, message: `has more than ${MAX_LENGTH} characters` })
  return undefined
}

function fromEnvironment(name: string, path: string, { env }: SecretSource, { mistakes }: Findings): string | undefined {
  const text = env[name]
  if (text) return text
  mistakes.push({
    path: `${path}.env`,
    message: `names the environment variable ${name}, which is ${text === undefined ? 'not set' : 'empty'}`,
  })
  return undefined
}

async function fromFile(name: string, path: string, { folder }: SecretSource, { mistakes }: Findings): Promise<string | undefined> {
  const file = resolve(folder, name)
  const fail = (why: string): undefined => {
    mistakes.push({ path: `${path}.file`, message: `names ${file}, which ${why}` })
    return undefined
  }
  try {
    const bytes = await readFile(file)
    if (bytes.length > MAX_FILE_BYTES) return fail(`is larger than ${MAX_FILE_BYTES} bytes`)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '')
    return text === '' ? fail('is empty') : text
  } catch (error) {
    return fail(whyUnreadable(error))
  }
}

/** Why a file could not be read, as the end of a sentence. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? 'cannot be read'
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  EISDIR: 'is a folder',
  ENOTDIR: 'lies below something that is no folder',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
}
