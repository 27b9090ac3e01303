// A profile: one named connection, without any secret of it. Its shape, and the reading of what stands in the profiles file.
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { UsageError } from './command.ts'
import type { SecretSource } from './secret_source.ts'

export const SIGN_INS = ['client_credentials', 'password', 'device_code', 'authorization_code'] as const
/** How a client gets its tokens. */
export type SignIn = (typeof SIGN_INS)[number]

/** Provider, client, and what is asked for; every member may be given on the command line as well. */
export interface Profile {
  readonly preset?: string
  readonly demo?: boolean
  /** Where the demo runs. */
  readonly origin?: string
  readonly realm?: string
  readonly issuer?: string
  readonly tokenUrl?: string
  readonly revocationUrl?: string
  readonly usageUrl?: string
  readonly dialect?: string | DialectDocument
  readonly grant?: SignIn
  readonly clientId?: string
  readonly clientSecret?: SecretSource
  readonly privateKeyFile?: string
  readonly username?: string
  readonly password?: SecretSource
  readonly apiKey?: SecretSource
  readonly dpop?: boolean
  readonly scope?: string
  readonly audience?: string
  readonly resource?: readonly string[]
  readonly apiOrigins?: readonly string[]
  /** The loopback address that a sign-in in the browser comes back to; without a port, any free one. */
  readonly redirectUri?: string
}

export const SECRET_MEMBERS = ['clientSecret', 'password', 'apiKey'] as const
export type SecretMember = (typeof SECRET_MEMBERS)[number]

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** @throws UsageError */
export function checkProfileName(name: string): string {
  if (!NAME.test(name) || name === 'constructor')
    throw new UsageError('A profile is named by up to 64 letters, digits and . _ - (a letter or digit first).')
  return name
}

/**
 * One profile as it stands in the file, held to its shape: an unknown member is a slip that would be ignored in silence.
 * @param at where it stands, for the sentence. @throws UsageError
 */
export function readProfile(value: unknown, at: string): Profile {
  if (!isRecord(value)) throw new UsageError(`${at} must be an object.`)
  for (const [name, member] of Object.entries(value)) {
    const check = Object.hasOwn(MEMBERS, name) ? MEMBERS[name as keyof Profile] : undefined
    if (!check) throw new UsageError(`${at} has a member '${name.slice(0, 40)}' that no profile has: take it out.`)
    check(member, `${at}.${name}`)
  }
  return value
}

type Check = (value: unknown, at: string) => void

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const text: Check = (value, at) => {
  if (typeof value !== 'string' || value === '' || value.length > 4096) throw new UsageError(`${at} must be a text.`)
}

const flag: Check = (value, at) => {
  if (typeof value !== 'boolean') throw new UsageError(`${at} must be true or false.`)
}

const texts: Check = (value, at) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > 100) throw new UsageError(`${at} must be a list of texts.`)
  for (const one of value) text(one, at)
}

const source: Check = (value, at) => {
  const refused = new UsageError(
    `${at} must say where the secret is, and never hold it: {"env": NAME}, {"file": PATH}, {"command": [PROGRAM, ...]} or {"keychain": NAME}.`,
  )
  if (!isRecord(value)) throw refused
  const [[kind, place] = ['', undefined], ...more] = Object.entries(value)
  if (more.length > 0 || !Object.hasOwn(SOURCES, kind)) throw refused
  SOURCES[kind as keyof typeof SOURCES](place, `${at}.${kind}`)
}

const SOURCES = { env: text, file: text, command: texts, keychain: text } as const

const MEMBERS: Readonly<Record<keyof Profile, Check>> = {
  preset: text,
  demo: flag,
  origin: text,
  realm: text,
  issuer: text,
  tokenUrl: text,
  revocationUrl: text,
  usageUrl: text,
  dialect(value, at) {
    if (!isRecord(value)) text(value, at)
  },
  grant(value, at) {
    if (!SIGN_INS.some((one) => one === value)) throw new UsageError(`${at} must be one of ${SIGN_INS.join(', ')}.`)
  },
  clientId: text,
  clientSecret: source,
  privateKeyFile: text,
  username: text,
  password: source,
  apiKey: source,
  dpop: flag,
  scope: text,
  audience: text,
  resource: texts,
  apiOrigins: texts,
  redirectUri: text,
}
