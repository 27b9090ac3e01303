// An Express API guarded in process: willba's tokens open it, verified here with the issuer's published keys.
// With the demo running (`npm start`): PORT=3000 node_modules/.bin/node -C source examples/guard_express.ts
import type { AddressInfo } from 'node:net'
import { createGuard } from '@countersign/guard'
import { expressGuard, principalOf } from '@countersign/guard/adapters/express'
import { createRemoteGuardPorts } from '@countersign/guard/remote'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import express from 'express'

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

const app = express()
app.use(expressGuard(guard))
app.get('/health', (_request, response) => void response.send('ok'))
app.get('/rooms/:id', (request, response) => {
  const caller = principalOf(request)
  response.json({ client: caller?.clientId, scope: caller?.scope })
})

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(`http://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => server.close())
