// Tokens for the verification benchmark, and requests that carry them the way a server meets them.
import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, sign } from 'node:crypto'
import type { JWK } from 'jose'
import type { BenchAlgorithm } from '../servers/asked.ts'
import { AUDIENCE, CLIENT_ID } from '../servers/asked.ts'

export const ISSUER = 'https://issuer.example.com/'

export interface TokenMaker {
  readonly algorithm: BenchAlgorithm
  readonly publicKey: KeyObject
  readonly publicJwk: JWK & { readonly kid: string }
  /** A token like Countersign's own, unlike any before. */
  make(): string
}

export function createTokenMaker(algorithm: BenchAlgorithm): TokenMaker {
  const pair =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const kid = 'bench'
  const key = algorithm === 'ES256' ? { key: pair.privateKey, dsaEncoding: 'ieee-p1363' as const } : { key: pair.privateKey }
  const header = encode({ alg: algorithm, typ: 'at+jwt', kid })
  const now = Math.floor(Date.now() / 1000)
  const times = { exp: now + 3600, iat: now, nbf: now }
  return {
    algorithm,
    publicKey: pair.publicKey,
    publicJwk: { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), kid, alg: algorithm, use: 'sig' },
    make() {
      const claims = {
        iss: ISSUER,
        sub: CLIENT_ID,
        aud: AUDIENCE,
        ...times,
        jti: crypto.randomUUID(),
        client_id: CLIENT_ID,
        scope: 'read write',
      }
      const input = `${header}.${encode(claims)}`
      return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
    },
  }
}

export interface GuardedRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly rawHeaders: readonly string[]
}

/**
 * Each text is new, as after reading it from a socket: V8 keeps a text's hash with it, and a benchmark that looks up the same text
 * again and again would never pay for it.
 */
export function requestWith(token: string): GuardedRequest {
  const authorization = Buffer.from(`Bearer ${token}`, 'latin1').toString('latin1')
  return {
    method: 'GET',
    path: '/orders/17',
    headers: { host: 'api.example.com', accept: '*/*', 'user-agent': 'bench', authorization },
    rawHeaders: ['Host', 'api.example.com', 'Accept', '*/*', 'User-Agent', 'bench', 'Authorization', authorization],
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
