// The limit: bare node:http that parses, hashes, compares, writes claims and signs as a token endpoint must, and nothing else.
// BENCH_WAY says how it signs: `sync` at once, `pool` in the thread pool, `batch` all requests of one event-loop turn in one loop.
import { createHash, hash, randomUUID, sign, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { parse } from 'node:querystring'
import { AUDIENCE, CLIENT_ID, CLIENT_SECRET, LIFETIME } from './asked.ts'
import { announce, peerKey, peerWay } from './peer_process.ts'

const { algorithm, jwk, key } = peerKey()
const signingKey = algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key }
const header = Buffer.from(JSON.stringify({ alg: algorithm, typ: 'at+jwt', kid: jwk.kid })).toString('base64url')
const clients = new Map([[CLIENT_ID, { id: CLIENT_ID, digest: createHash('sha256').update(CLIENT_SECRET).digest() }]])

type Sign = (input: string, done: (signature: string) => void) => void

const signAtOnce = (input: string): string => sign('sha256', Buffer.from(input), signingKey).toString('base64url')

const waiting: { input: string; done: (signature: string) => void }[] = []

const WAYS: Readonly<Record<string, Sign>> = {
  sync: (input, done) => done(signAtOnce(input)),
  pool: (input, done) =>
    sign('sha256', Buffer.from(input), signingKey, (error, signature) => {
      if (error) throw error
      done(signature.toString('base64url'))
    }),
  batch: (input, done) => {
    if (waiting.length === 0) setImmediate(signWaiting)
    waiting.push({ input, done })
  },
}

function signWaiting(): void {
  const batch = waiting.splice(0)
  const signatures = batch.map(({ input }) => signAtOnce(input))
  for (const [index, { done }] of batch.entries()) done(signatures[index] ?? '')
}

const way = WAYS[peerWay()]
if (!way) throw new Error('BENCH_WAY must be sync, pool or batch')
const signInput: Sign = way

const server = createServer((request, response) => {
  if (request.method !== 'POST' || request.url !== '/token') return refuse(response, 404, 'invalid_request')
  readBody(request, (body) => answer(request, response, body))
})

function readBody(request: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => done((chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)).toString('utf8')))
}

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return refuse(response, 400, 'invalid_request')
  const { grant_type, client_id, client_secret } = parse(body)
  if (typeof client_id !== 'string' || typeof client_secret !== 'string') return refuse(response, 400, 'invalid_request')
  const client = clients.get(client_id)
  if (!client || !timingSafeEqual(hash('sha256', client_secret, 'buffer'), client.digest)) return refuse(response, 401, 'invalid_client')
  if (grant_type !== 'client_credentials') return refuse(response, 400, 'unsupported_grant_type')
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'http://127.0.0.1/bare',
    sub: client.id,
    aud: AUDIENCE,
    exp: now + LIFETIME,
    iat: now,
    nbf: now,
    jti: randomUUID(),
    client_id: client.id,
  }
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  signInput(input, (signature) =>
    send(response, 200, { access_token: `${input}.${signature}`, token_type: 'Bearer', expires_in: LIFETIME }),
  )
}

function refuse(response: ServerResponse, status: number, error: string): void {
  send(response, status, { error })
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  const body = JSON.stringify(answer)
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    pragma: 'no-cache',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

server.listen(0, '127.0.0.1', () => announce(server))
