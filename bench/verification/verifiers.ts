// Who verifies: one row each, loaded alone in a process of its own. From a request to an accepted token, or a refusal.
import { verify } from 'node:crypto'
import { AUDIENCE } from '../servers/asked.ts'
import type { GuardedRequest, TokenMaker } from './tokens.ts'
import { ISSUER } from './tokens.ts'

/** Something true for an accepted token; false or an exception for any other. */
export type Verify = (request: GuardedRequest) => unknown

export interface VerifierRow {
  readonly name: string
  /** A floor to compare with: it does less than is needed. */
  readonly floor: boolean
  readonly create: (maker: TokenMaker, known: readonly string[]) => Promise<Verify>
}

export const VERIFIERS: ReadonlyMap<string, VerifierRow> = new Map<string, VerifierRow>([
  ['map', { name: 'a look-up in a Map', floor: true, create: async (_maker, known) => lookUp(known) }],
  ['bare', { name: 'bare node:crypto', floor: true, create: bare }],
  ['guard', { name: 'countersign guard', floor: false, create: guard }],
  ['jose', { name: 'jose jwtVerify', floor: false, create: jose }],
  ['fast-jwt', { name: 'fast-jwt with its cache', floor: false, create: fastJwt }],
  ['express', { name: 'express-oauth2-jwt-bearer', floor: false, create: expressBearer }],
])

function tokenOf(request: GuardedRequest): string {
  return (request.headers['authorization'] ?? '').slice('Bearer '.length)
}

function lookUp(known: readonly string[]): Verify {
  const accepted = new Map(known.map((token) => [token, { token }]))
  return (request) => accepted.get(tokenOf(request)) ?? false
}

async function bare({ algorithm, publicKey }: TokenMaker): Promise<Verify> {
  const key = algorithm === 'ES256' ? { key: publicKey, dsaEncoding: 'ieee-p1363' as const } : { key: publicKey }
  return (request) => {
    const token = tokenOf(request)
    const end = token.lastIndexOf('.')
    if (!verify('sha256', Buffer.from(token.slice(0, end)), key, Buffer.from(token.slice(end + 1), 'base64url'))) return false
    const claims = JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, end), 'base64url').toString()) as Record<string, unknown>
    return claims['iss'] === ISSUER && claims['aud'] === AUDIENCE && Number(claims['exp']) > Date.now() / 1000
  }
}

async function guard({ publicJwk }: TokenMaker): Promise<Verify> {
  const [{ createGuard }, { compile }, { standard }, { createKeySet }] = await Promise.all([
    import('@countersign/guard'),
    import('@countersign/protocol/dialect/compile'),
    import('@countersign/protocol/dialect/builtin/standard'),
    import('@countersign/protocol/jose/key_set'),
  ])
  const revoked = new Set<string>()
  const checks = createGuard({
    realm: 'bench',
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: createKeySet([publicJwk]),
    dialects: [compile(standard)],
    revocations: { isRevoked: (jti, sid) => (jti !== undefined && revoked.has(jti)) || (sid !== undefined && revoked.has(sid)) },
  })
  return (request) => {
    const verdict = checks.check(request)
    return verdict instanceof Promise ? verdict.then((one) => one.allow) : verdict.allow
  }
}

async function jose({ algorithm, publicKey }: TokenMaker): Promise<Verify> {
  const { jwtVerify } = await import('jose')
  const options = { issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: [algorithm] }
  return (request) => jwtVerify(tokenOf(request), publicKey, options)
}

async function fastJwt({ algorithm, publicKey }: TokenMaker): Promise<Verify> {
  const { createVerifier } = await import('fast-jwt')
  const key = publicKey.export({ format: 'pem', type: 'spki' })
  const verifies = createVerifier({ key, algorithms: [algorithm], cache: 10_000, allowedIss: ISSUER, allowedAud: AUDIENCE })
  return (request) => verifies(tokenOf(request)) as unknown
}

async function expressBearer({ algorithm, publicJwk }: TokenMaker): Promise<Verify> {
  const { auth } = await import('express-oauth2-jwt-bearer')
  // Its own type wants strings only, and a JWK of ours has nothing else.
  const publicKey = Object.fromEntries(
    Object.entries(publicJwk).filter((member): member is [string, string] => typeof member[1] === 'string'),
  )
  const middleware = auth({ issuer: ISSUER, audience: AUDIENCE, publicKey, tokenSigningAlg: algorithm })
  return ({ method, path, headers }) =>
    new Promise((resolve, reject) => {
      // The parts of Express's request that the middleware touches.
      const get = (name: string): string | undefined => headers[name.toLowerCase()]
      const request = { method, url: path, originalUrl: path, protocol: 'https', headers, query: {}, body: undefined, get, is: () => false }
      const [first, second] = [request, {}] as unknown as Parameters<typeof middleware>
      middleware(first, second, (error?: unknown) => {
        if (error === undefined) resolve(true)
        else reject(error instanceof Error ? error : new Error('the middleware refused'))
      })
    })
}
