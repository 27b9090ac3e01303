// The peer Fastify with @fastify/http-proxy, @fastify/jwt and @fastify/rate-limit, set up as their documentation has it. No API key, no count.

import proxy from '@fastify/http-proxy'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { AUDIENCE } from '../servers/asked.ts'
import { announce } from '../servers/peer_process.ts'
import { ISSUER } from '../verification/tokens.ts'

const { BENCH_UPSTREAM: upstream = '', BENCH_PUBLIC_KEY: key = '', BENCH_ALGORITHM: algorithm = '' } = process.env

const app = Fastify({ logger: false })
await app.register(jwt, {
  secret: { public: key },
  verify: { algorithms: [algorithm === 'RS256' ? 'RS256' : 'ES256'], allowedIss: ISSUER, allowedAud: AUDIENCE },
})
await app.register(rateLimit, { max: 1_000_000, timeWindow: 1000 })
await app.register(proxy, {
  upstream,
  preHandler: (request, _reply, done) => {
    request.jwtVerify((error) => done(error ?? undefined))
  },
})
await app.listen({ host: '127.0.0.1', port: 0 })
announce(app.server)
