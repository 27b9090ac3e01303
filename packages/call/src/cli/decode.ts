// `callsign decode`: what a JWT says, in words, and whether it is true if there are keys to ask. RFC 7519, RFC 9068.
import { readFile, stat } from 'node:fs/promises'
import { JoseError } from '@countersign/protocol/jose/error'
import type { UnverifiedJwt } from '@countersign/protocol/jose/jwt'
import { readJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { discover } from '../discover.ts'
import { describeToken } from './claims_words.ts'
import type { Command, World } from './command.ts'
import { errorCode, readArguments, readStream, UsageError } from './command.ts'
import { chosenProfile } from './connection_profile.ts'
import { findProfile } from './profiles_file.ts'
import type { TokenCheck } from './token_check.ts'
import { verifyToken } from './token_check.ts'
import { visible } from './visible.ts'

export const decode: Command = {
  name: 'decode',
  summary: 'say in words what a JWT claims, and why it is not valid',
  help: `Usage: callsign decode [FILE|-] [options]

Reads a JWT from a file or from standard input, and prints its header and claims in words.
Decoding is no verification: without keys to ask, anybody can have written what is shown.

  --verify                 say whether it is valid, and everything that is wrong with it; by the profile's issuer and audience
  --profile NAME           whose issuer and audience
  --issuer URL             verify with the keys that this issuer publishes, and compare iss with it
  --jwks URL|FILE          verify with the keys of a JWK Set
  --audience NAME          when verifying: who the token must be for (otherwise that is not checked)

A token is never an argument: arguments can be read by every process on the machine.

Examples:
  callsign token --preset willba --demo | callsign decode
  callsign token --profile production | callsign decode --verify --profile production
  callsign decode token.txt --issuer http://127.0.0.1:8080/realms/willba --audience https://api.willba.app
`,
  async run(args, world) {
    const { values, positionals } = readArguments('decode', args, DECODE_OPTIONS)
    if (positionals.length > 1) throw new UsageError('Give one file, or none to read standard input; see callsign decode --help.')
    const [place = '-'] = positionals
    const text = (await readToken(place, world)).trim().replace(/^(?:authorization: *)?(?:bearer|dpop) +/i, '')
    if (text === '') throw new UsageError(`There is no token ${place === '-' ? 'on standard input' : `in ${place}`}.`)
    const jwt = readOrExplain(text, world)
    if (!jwt) return 1
    const { good, report } = await verify(jwt, await expectations(values, world), world)
    world.stdout.write(`${report}\n${describeToken(jwt, world.now())}`)
    return good ? 0 : 1
  },
}

const DECODE_OPTIONS = {
  verify: { type: 'boolean' },
  profile: { type: 'string' },
  issuer: { type: 'string' },
  jwks: { type: 'string' },
  audience: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const MAX_TOKEN_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000

interface VerifyValues {
  readonly verify?: boolean | undefined
  readonly profile?: string | undefined
  readonly issuer?: string | undefined
  readonly jwks?: string | undefined
  readonly audience?: string | undefined
}

async function readToken(place: string, { stdin }: World): Promise<string> {
  if (place === '-') return (await readStream(stdin, MAX_TOKEN_BYTES)).toString('utf8')
  // Not repeated: it may be the token itself.
  if (/^eyJ|^[\w-]+\.[\w-]{20,}\.[\w-]*$/.test(place)) {
    throw new UsageError(
      'A token is no argument, because every process on this machine can read the arguments of the others: give it on standard input, or a FILE.',
    )
  }
  try {
    if ((await stat(place)).size <= MAX_TOKEN_BYTES) return await readFile(place, 'utf8')
  } catch (error) {
    throw new UsageError(`The file cannot be read (${errorCode(error)}): give a FILE that holds a token, or the token on standard input.`)
  }
  throw new UsageError(`The file is longer than ${MAX_TOKEN_BYTES} bytes: give one that holds nothing but a token.`)
}

function readOrExplain(text: string, { stderr }: World): UnverifiedJwt | undefined {
  try {
    return readJwt(text)
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    const parts = text.split('.').length
    stderr.write(`callsign: this is no JWT that can be read: ${error.message}${HINTS[parts] ?? ''}\n`)
    return undefined
  }
}

/** By the number of its parts. */
const HINTS: Readonly<Record<number, string>> = {
  1: ' It may be an opaque token: only its issuer can say what it means (introspection, RFC 7662).',
  5: ' It is encrypted (JWE): only the API that it is for can read it.',
}

/** Issuer and audience that the command line names, or the profile; undefined where nothing is to be verified. */
async function expectations({ verify: asked, ...values }: VerifyValues, world: World): Promise<VerifyValues | undefined> {
  const { issuer, jwks } = values
  if (issuer !== undefined || jwks !== undefined) return values
  if (!asked && values.profile === undefined) return undefined
  const name = await chosenProfile(values.profile === undefined ? {} : { profile: values.profile }, world)
  const profile = name === undefined ? undefined : await findProfile(name, world)
  if (profile?.issuer === undefined) {
    const whose = name === undefined ? 'There is no profile to take the issuer from' : `The profile ${name} names no issuer`
    throw new UsageError(`${whose}: verify with --issuer URL or --jwks URL|FILE.`)
  }
  return { issuer: profile.issuer, audience: values.audience ?? profile.audience }
}

async function verify(jwt: UnverifiedJwt, expected: VerifyValues | undefined, world: World): Promise<{ good: boolean; report: string }> {
  if (!expected) {
    return {
      good: true,
      report: 'NOT verified: anybody can have written this. Verify it with --issuer URL, --jwks URL|FILE or --profile NAME.\n',
    }
  }
  const { issuer, audience, jwks } = expected
  const checks = await verifyToken(jwt, { issuer, audience, keys: await keySource(issuer, jwks, world), now: world.now() })
  const wrong = checks.filter(({ good }) => good === false)
  const lines = checks.map((check) => `  ${MARKS[String(check.good)] ?? ''} ${check.what.padEnd(11)} ${visible(check.says)}\n`)
  return { good: wrong.length === 0, report: `${verdict(checks, wrong)}\n\n${lines.join('')}` }
}

const MARKS: Readonly<Record<string, string>> = { true: 'ok  ', false: 'FAIL', undefined: '-   ' }

function verdict(checks: readonly TokenCheck[], wrong: readonly TokenCheck[]): string {
  if (wrong.length > 0) return `NOT valid: ${wrong.map(({ says }) => visible(says)).join(' ')}`
  const unchecked = checks
    .filter(({ what, good }) => good === undefined && (what === 'issuer' || what === 'audience'))
    .map(({ what }) => `${what} (--${what})`)
  const rest = unchecked.length === 0 ? '' : ` Not checked: ${unchecked.join(', ')}.`
  return `Verified: the signature is by one of these keys, and the token has not expired.${rest}`
}

async function keySource(issuer: string | undefined, jwks: string | undefined, { fetch, now }: World): Promise<KeySource> {
  const place = jwks ?? (await jwksOf(issuer ?? '', { fetch, now, timeoutMs: TIMEOUT_MS }))
  if (/^https?:/i.test(place)) {
    try {
      return createRemoteKeySet({ url: place, fetch, now: () => now() * 1000, timeoutMs: TIMEOUT_MS })
    } catch (error) {
      if (error instanceof TypeError) throw new UsageError('--jwks must be a file, an https URL, or an http URL on a loopback host.')
      throw error
    }
  }
  let text: string
  try {
    text = await readFile(place, 'utf8')
  } catch (error) {
    throw new UsageError(`--jwks: the file ${place} cannot be read (${errorCode(error)}).`)
  }
  try {
    return createKeySet(JSON.parse(text))
  } catch {
    throw new UsageError(`--jwks: the file ${place} is not a JWK Set.`)
  }
}

async function jwksOf(issuer: string, transport: Parameters<typeof discover>[1]): Promise<string> {
  const { jwks_uri: url } = await discover(issuer, transport)
  if (url === undefined) throw new UsageError('The metadata of this issuer names no jwks_uri: give the keys with --jwks URL|FILE.')
  return url
}
