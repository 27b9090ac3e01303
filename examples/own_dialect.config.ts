// A home-made token endpoint kept as its partners know it, beside a standard one. `DEPOT` is plain data: it could be JSON.
// DEPOT_SECRET=... SHOP_SECRET=... npm run countersign -- serve --config examples/own_dialect.config.ts
// The same document makes the client: createClient({ tokenUrl, dialect: dialect(DEPOT), ... }).
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { defineConfig } from '@countersign/server'

export const DEPOT: DialectDocument = {
  extends: 'standard',
  name: 'depot',
  endpoints: { token: ['/v2/session'] },
  token_request: {
    encodings: ['json'],
    client_auth: ['client_secret_post'],
    parameters: { client_id: 'user', client_secret: 'key', scope: 'rights' },
    grants: [{ grant_type: 'LOGIN', needs: [], is: 'client_credentials', required: true }],
  },
  token_response: {
    envelope: 'session',
    members: [
      { name: 'id', from: 'access_token' },
      { name: 'validFor', from: 'expires_in', as: 'text' },
      { name: 'rights', from: 'scope', as: 'list' },
    ],
  },
  error: { codes: { invalid_client: 'E17' }, statuses: { invalid_client: 403 } },
  presentation: { token: [{ header: 'x-session', scheme: null }] },
}

const audiences = ['https://api.depot.example']
const upstream = process.env['DEPOT_UPSTREAM'] ?? 'http://127.0.0.1:9000'

export default defineConfig({
  realms: [
    {
      id: 'depot',
      dialects: [DEPOT],
      scopes: ['read'],
      audiences,
      clients: [{ clientId: 'acme', secret: { env: 'DEPOT_SECRET' }, scopes: ['read'] }],
    },
    { id: 'shop', scopes: ['read'], audiences, clients: [{ clientId: 'acme', secret: { env: 'SHOP_SECRET' }, scopes: ['read'] }] },
  ],
  apis: [{ id: 'depot', realm: 'depot', upstream, routes: [{ path: '/stock/*', scopes: ['read'] }], otherwise: 'deny' }],
})
