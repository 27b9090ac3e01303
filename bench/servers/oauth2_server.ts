// The peer @node-oauth/oauth2-server on Fastify: an in-memory model that stores no token and issues JWTs with the same claims.
// BENCH_WAY says how the model signs: `jose` (the package), `sync` or `pool` (node:crypto).
import { createHash, randomUUID, sign, timingSafeEqual } from 'node:crypto'
import OAuth2Server from '@node-oauth/oauth2-server'
import Fastify from 'fastify'
import { SignJWT } from 'jose'
import { AUDIENCE, CLIENT_ID, CLIENT_SECRET, LIFETIME } from './asked.ts'
import { announce, peerKey, peerWay } from './peer_process.ts'

const { algorithm, jwk, key } = peerKey()
const signingKey = algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key }
const protectedHeader = { alg: algorithm, typ: 'at+jwt', kid: jwk.kid }
const header = Buffer.from(JSON.stringify(protectedHeader)).toString('base64url')
const client = { id: CLIENT_ID, grants: ['client_credentials'], accessTokenLifetime: LIFETIME }
const digest = createHash('sha256').update(CLIENT_SECRET).digest()

interface Claims {
  readonly [name: string]: string | number
}

const inputOf = (claims: Claims): string => `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`

const WAYS: Readonly<Record<string, (claims: Claims) => Promise<string>>> = {
  jose: (claims) => new SignJWT({ ...claims }).setProtectedHeader(protectedHeader).sign(key),
  async sync(claims) {
    const input = inputOf(claims)
    return `${input}.${sign('sha256', Buffer.from(input), signingKey).toString('base64url')}`
  },
  pool: (claims) =>
    new Promise((resolve, reject) => {
      const input = inputOf(claims)
      sign('sha256', Buffer.from(input), signingKey, (error, signature) => {
        if (error) reject(error)
        else resolve(`${input}.${signature.toString('base64url')}`)
      })
    }),
}

const way = WAYS[peerWay()]
if (!way) throw new Error('BENCH_WAY must be jose, sync or pool')
const signClaims = way

const model = {
  getClient(id: string, secret: string) {
    const proven = timingSafeEqual(createHash('sha256').update(secret).digest(), digest)
    return Promise.resolve(id === CLIENT_ID && proven ? client : false)
  },
  getUserFromClient: () => Promise.resolve({ id: CLIENT_ID }),
  generateAccessToken() {
    const now = Math.floor(Date.now() / 1000)
    return signClaims({
      iss: 'http://127.0.0.1/oauth2-server',
      sub: CLIENT_ID,
      aud: AUDIENCE,
      exp: now + LIFETIME,
      iat: now,
      nbf: now,
      jti: randomUUID(),
      client_id: CLIENT_ID,
    })
  },
  saveToken: (token: object, owner: object, user: object) => Promise.resolve({ ...token, client: owner, user }),
}

const { Request, Response } = OAuth2Server
// The model is what client_credentials needs of it; the package's type asks for every grant's methods.
const oauth = new OAuth2Server({ model: model as unknown as OAuth2Server.ClientCredentialsModel })
const app = Fastify({ logger: false })

app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
  done(null, Object.fromEntries(new URLSearchParams(String(body))))
})

app.post('/token', async (incoming, reply) => {
  const request = new Request({
    method: incoming.method,
    query: {},
    headers: incoming.headers as Record<string, string>,
    body: incoming.body,
  })
  const response = new Response({ headers: {} })
  await oauth.token(request, response)
  return reply
    .code(response.status ?? 500)
    .headers(response.headers ?? {})
    .send(response.body)
})

await app.listen({ host: '127.0.0.1', port: 0 })
announce(app.server)
