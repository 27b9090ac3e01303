// `callsign decode`: what a JWT says, in words, and whether it is true if there are keys to ask. RFC 7519, RFC 9068.
import { readFile } from 'node:fs/promises'
import { JoseError } from '@countersign/protocol/jose/error'
import type { UnverifiedJwt } from '@countersign/protocol/jose/jwt'
import { readJwt, verifyJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { discover } from '../discover.ts'
import { describeToken } from './claims_words.ts'
import type { Command, World } from './command.ts'
import { readArguments, readStream, UsageError } from './command.ts'

export const decode: Command = {
  name: 'decode',
  summary: 'say in words what a JWT claims',
  help: `Usage: callsign decode [TOKEN|-] [options]

Reads a JWT, from standard input if none is given, and prints its header and claims in words.
Decoding is no verification: without --issuer or --jwks, anybody can have written what is shown.

  --issuer URL             verify with the keys that this issuer publishes, and compare iss with it
  --jwks URL|FILE          verify with the keys of a JWK Set
  --audience NAME          when verifying: who the token must be for (otherwise that is not checked)

Prefer standard input: arguments can be read by every process on the machine.

Examples:
  callsign token --preset willba --demo | callsign decode
  callsign decode --issuer http://127.0.0.1:8080/realms/willba --audience https://api.willba.app < token.txt
`,
  async run(args, world) {
    const { values, positionals } = readArguments('decode', args, DECODE_OPTIONS)
    if (positionals.length > 1) throw new UsageError('Give one token, or none to read it from standard input; see callsign decode --help.')
    const [given = '-'] = positionals
    const text = (given === '-' ? (await readStream(world.stdin, MAX_TOKEN_BYTES)).toString('utf8') : given)
      .trim()
      .replace(/^bearer +/i, '')
    if (text === '') throw new UsageError('There is no token on standard input.')
    const jwt = readOrExplain(text, world)
    if (!jwt) return 1
    const outcome = await verify(text, jwt, values, world)
    world.stdout.write(`${outcome.sentence}\n\n${describeToken(jwt, world.now())}`)
    return outcome.ok ? 0 : 1
  },
}

const DECODE_OPTIONS = {
  issuer: { type: 'string' },
  jwks: { type: 'string' },
  audience: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const MAX_TOKEN_BYTES = 64 * 1024
const TIMEOUT_MS = 10_000

interface Outcome {
  readonly ok: boolean
  readonly sentence: string
}

interface VerifyValues {
  readonly issuer?: string | undefined
  readonly jwks?: string | undefined
  readonly audience?: string | undefined
}

function readOrExplain(text: string, { stderr }: World): UnverifiedJwt | undefined {
  try {
    return readJwt(text)
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    const opaque = text.includes('.') ? '' : ' It may be an opaque token: only its issuer can say what it means (introspection, RFC 7662).'
    stderr.write(`callsign: this is no JWT that can be read: ${error.message}${opaque}\n`)
    return undefined
  }
}

async function verify(text: string, jwt: UnverifiedJwt, { issuer, jwks, audience }: VerifyValues, world: World): Promise<Outcome> {
  if (issuer === undefined && jwks === undefined) {
    return { ok: true, sentence: 'NOT verified: anybody can have written this. Verify it with --issuer URL or --jwks URL|FILE.' }
  }
  const keys = await keySource(issuer, jwks, world)
  const own = { iss: jwt.claims['iss'], aud: jwt.claims['aud'] }
  const expectations = {
    issuer: issuer ?? (typeof own.iss === 'string' ? own.iss : ''),
    audience: audience === undefined ? audiences(own.aud) : [audience],
    typ: [jwt.header.typ ?? 'at+jwt'],
    now: world.now(),
  }
  if (expectations.issuer === '' || expectations.audience.length === 0) {
    return { ok: false, sentence: 'NOT valid: the token names no issuer or no audience.' }
  }
  try {
    await verifyJwt(text, expectations, keys)
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    return { ok: false, sentence: `NOT valid: ${error.message}` }
  }
  const unchecked = [...(issuer === undefined ? ['issuer (--issuer)'] : []), ...(audience === undefined ? ['audience (--audience)'] : [])]
  const rest = unchecked.length === 0 ? '' : ` Not checked: ${unchecked.join(', ')}.`
  return { ok: true, sentence: `Verified: the signature is by one of these keys, and the token has not expired.${rest}` }
}

function audiences(aud: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  return list.filter((one): one is string => typeof one === 'string')
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
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`--jwks: the file ${place} cannot be read (${code}).`)
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
