// A fetch-style handler guarded in process: `(request: Request) => Response`, as Deno, Bun and workers serve it. For Node a few
// lines of node:http stand in for such a runtime.
// With the demo running (`npm start`): PORT=3000 node_modules/.bin/node -C source examples/guard_fetch.ts
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGuard } from '@countersign/guard'
import { guarded } from '@countersign/guard/adapters/fetch'
import { createRemoteGuardPorts } from '@countersign/guard/remote'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'

const issuer = `${process.env['DEMO_ORIGIN'] ?? 'http://127.0.0.1:8080'}/realms/willba`
const guard = createGuard({
  realm: 'willba',
  issuer,
  audience: 'https://api.willba.app',
  dialects: [compile(resolveDialect('keycloak'))],
  ...createRemoteGuardPorts({ issuer, fetch, nowMs: () => performance.now() }),
  policy: { routes: [{ path: '/rooms/:id', methods: ['GET'], scopes: ['profile'] }], otherwise: 'deny' },
})

const handler = guarded(guard, (_request, { clientId, scope }) => Response.json({ client: clientId, scope }))

const server = createServer((incoming, outgoing) => {
  const { method = 'GET', url = '/', headersDistinct } = incoming
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) => values.map((value): [string, string] => [name, value]))
  const answer = async (): Promise<void> => {
    const response = await handler(new Request(`http://127.0.0.1${url}`, { method, headers }))
    const body = await response.text()
    outgoing.writeHead(response.status, [...response.headers].flat()).end(body)
  }
  answer().catch(() => outgoing.writeHead(500).end())
})
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('SIGTERM', () => server.close())
