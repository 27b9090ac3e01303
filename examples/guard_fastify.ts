// A Fastify API guarded in process: the guard is an onRequest hook, so a caller without a right sends no body in vain.
// With the demo running (`npm start`): PORT=3000 node_modules/.bin/node -C source examples/guard_fastify.ts
import { createGuard } from '@countersign/guard'
import { fastifyGuard } from '@countersign/guard/adapters/fastify'
import { createRemoteGuardPorts } from '@countersign/guard/remote'
import type { Principal } from '@countersign/guard/verdict'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import fastify from 'fastify'

const issuer = `${process.env['DEMO_ORIGIN'] ?? 'http://127.0.0.1:8080'}/realms/willba`
const guard = createGuard({
  realm: 'willba',
  issuer,
  audience: 'https://api.willba.app',
  dialects: [compile(resolveDialect('keycloak'))],
  ...createRemoteGuardPorts({ issuer, fetch, nowMs: () => performance.now() }),
  policy: {
    routes: [
      { path: '/health', scopes: [], anonymous: true },
      { path: '/rooms/:id', methods: ['GET'], scopes: ['profile'] },
    ],
    otherwise: 'deny',
  },
})

const app = fastify()
app.decorateRequest('auth', null)
app.addHook('onRequest', fastifyGuard(guard))
app.get('/health', () => 'ok')
app.get('/rooms/:id', (request) => {
  const { clientId, scope } = request.getDecorator<Principal>('auth')
  return { client: clientId, scope }
})

console.log(await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' }))
process.once('SIGTERM', () => void app.close())
