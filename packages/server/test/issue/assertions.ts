// Clients that sign assertions, as an operator configures them, and the assertions they make; `jose` is their side of it.
import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK, JWTHeaderParameters, JWTPayload } from 'jose'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { ClientInput, ConfigInput } from '../../src/config/input.ts'
import type { Answer } from '../harness/http.ts'
import { postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { API, hashed, secretOf } from './orders.ts'

export const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
export const NOW = 1_800_000_000

/** Long enough for HS256 and HS384, and too short for HS512. */
export const SHARED = 'a secret that both of them know and nobody else does'
/** Long enough for all of them. */
export const LONG = `${'l'.repeat(32)}${'o'.repeat(16)}${'n'.repeat(16)}g`
export const ENV = { MASTER: '6d'.repeat(32), SHARED, LONG }

export const ISSUER = 'https://login.example/realms/signed'
export const CC = { grant_type: 'client_credentials' }
/** The two parameters of an assertion. */
export const carried = (assertion: string) => ({ client_assertion_type: TYPE, client_assertion: assertion })

export interface Pair {
  readonly privateKey: CryptoKey
  /** With `alg` and `kid`. */
  readonly publicJwk: JWK
}

export async function pairOf(alg: string, kid: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), alg, kid } }
}

export interface Keys {
  readonly es: Pair
  readonly rs: Pair
  readonly ps: Pair
  readonly ed: Pair
  /** Of nobody. */
  readonly stranger: Pair
}

export async function makeKeys(): Promise<Keys> {
  const [es, rs, ps, ed, stranger] = await Promise.all([
    pairOf('ES256', 'es'),
    pairOf('RS256', 'rs'),
    pairOf('PS256', 'ps'),
    pairOf('EdDSA', 'ed'),
    pairOf('ES256', 'es'),
  ])
  return { es, rs, ps, ed, stranger }
}

/** The realm `signed` of clients that sign, `family` of Keycloak's paths, `home` of WebCommander's, and `elsewhere`, which shares a client. */
export function assertionConfig({ es, rs, ps, ed }: Keys, jwksUri: string, data?: string): ConfigInput {
  const signer: ClientInput = { clientId: 'signer', jwks: { keys: [es, rs, ps, ed].map((pair) => pair.publicJwk) } }
  const scopes = { audiences: [API] }
  return {
    ...(data !== undefined && { data }),
    masterKey: { env: 'MASTER' },
    realms: [
      {
        id: 'signed',
        issuer: ISSUER,
        ...scopes,
        clients: [
          signer,
          ...ROWS.flatMap((row) => [
            { ...signer, clientId: `signer-${row}` },
            { clientId: `hmac-${row}`, secret: { env: 'SHARED' }, authMethods: ['client_secret_jwt'] as const },
          ]),
          { clientId: 'single', jwks: { keys: [rs.publicJwk] } },
          { clientId: 'remote', jwksUri },
          { clientId: 'remote-down', jwksUri: `${jwksUri}/down` },
          { clientId: 'hmac', secret: { env: 'SHARED' }, authMethods: ['client_secret_jwt'] },
          {
            clientId: 'hmac-long',
            secrets: [{ env: 'SHARED' }, { env: 'LONG' }],
            authMethods: ['client_secret_jwt', 'client_secret_basic'],
          },
          { ...signer, clientId: 'both', secret: { env: 'SHARED' }, authMethods: ['client_secret_jwt', 'private_key_jwt'] },
          { clientId: 'plain', secret: hashed(secretOf('plain')) },
        ],
      },
      { id: 'family', issuer: 'https://login.example/realms/family', dialects: ['keycloak'], ...scopes, clients: [signer] },
      { id: 'home', dialects: ['webcommander'], ...scopes, clients: [signer] },
      { id: 'elsewhere', ...scopes, clients: [signer] },
    ],
  }
}

/** Who fails too often is told to wait: so the refusals of a table are spread over clients that are alike. */
export const ROWS = [0, 1, 2, 3, 4, 5]

let made = 0

/** Claims of a good assertion; undefined leaves one out. */
export function claimsOf(clientId: string, now: number, changes: Record<string, unknown> = {}): JWTPayload {
  const claims = {
    iss: clientId,
    sub: clientId,
    aud: ISSUER,
    iat: now,
    exp: now + 60,
    jti: `assertion-${made++}`,
    ...changes,
  }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

/** @param key a pair's private half, or a secret for an HMAC. */
export function sign(claims: JWTPayload, header: JWTHeaderParameters, key: CryptoKey | string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(typeof key === 'string' ? Buffer.from(key) : key)
}

export interface Made {
  readonly client?: string
  readonly claims?: Record<string, unknown>
  readonly header?: Partial<JWTHeaderParameters>
  readonly key?: CryptoKey | string
}

export interface Signed extends TestServer {
  readonly keys: Keys
  readonly keyServer: KeyServer
  /** Of the realm `signed`. */
  readonly url: (endpoint: 'token' | 'introspect' | 'revoke') => string
  /** A token request with the assertion. */
  readonly ask: (assertion: string, more?: Record<string, string>, headers?: Record<string, string>) => Promise<Answer>
  /** A good assertion of the client `signer` by its ES256 key, but for what is changed. */
  readonly make: (changes?: Made) => Promise<string>
  /** The same of a client by its secret. */
  readonly hmac: (client: string, alg?: string, key?: string) => Promise<string>
}

/** @param now its clock, epoch seconds @param data folder of its state; default: in memory */
export async function startSigned(now: () => number = () => NOW, data?: string): Promise<Signed> {
  const [keys, keyServer] = await Promise.all([makeKeys(), startKeyServer()])
  keyServer.serve({ keys: [keys.rs.publicJwk] })
  const server = await startConfigured(assertionConfig(keys, keyServer.url, data), ENV, now)
  const url: Signed['url'] = (endpoint) => `${server.origin}/realms/signed/oauth2/${endpoint}`
  return {
    ...server,
    keys,
    keyServer,
    url,
    ask: (assertion, more = {}, headers = {}) => postForm(url('token'), { ...CC, ...carried(assertion), ...more }, headers),
    make: ({ client = 'signer', claims = {}, header = {}, key = keys.es.privateKey } = {}) =>
      sign(claimsOf(client, now(), claims), { alg: 'ES256', kid: 'es', typ: 'JWT', ...header }, key),
    hmac: (client, alg = 'HS256', key = SHARED) => sign(claimsOf(client, now()), { alg, typ: 'JWT' }, key),
    async close() {
      await server.close()
      await keyServer.close()
    },
  }
}

export interface KeyServer {
  readonly url: string
  /** What it answers from now on; anything below `/down` is always a 500. */
  serve(jwks: { readonly keys: readonly JWK[] }): void
  /** How often it was asked. */
  asked(): number
  close(): Promise<void>
}

/** A client's own JWK Set at a URL. */
export async function startKeyServer(): Promise<KeyServer> {
  let jwks: { readonly keys: readonly JWK[] } = { keys: [] }
  let asked = 0
  const server: Server = createServer((request, response) => {
    asked += 1
    if (request.url?.endsWith('/down')) return response.writeHead(500).end()
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(jwks))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/jwks`,
    serve: (next) => {
      jwks = next
    },
    asked: () => asked,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
