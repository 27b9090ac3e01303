// A team with an orders API and two kinds of callers: partners' servers, and an old app that signs people in by password.
// Run it: ORDERS_PARTNER_SECRET=$(openssl rand -hex 32) countersign serve --config examples/countersign.config.ts
import { defineConfig } from '@countersign/server'

export default defineConfig({
  listen: { port: 8080, managementPort: 8081 },
  realms: [
    {
      id: 'orders',
      displayName: 'Orders API',
      // Partners speak the standards; the endpoint that the old app was built for stays where it was, and says what it said.
      dialects: [
        'standard',
        {
          extends: 'standard',
          name: 'old-app',
          endpoints: { token: ['/api/v1/login'], metadata: ['/api/v1/metadata'] },
          token_request: { encodings: ['json'], parameters: { username: 'email' }, grants: [] },
          token_response: {
            envelope: 'data',
            members: [
              { name: 'jwt', from: 'access_token' },
              { name: 'validFor', from: 'expires_in' },
              { name: 'refresh', from: 'refresh_token' },
            ],
          },
        },
      ],
      scopes: ['orders:read', 'orders:write'],
      audiences: ['https://api.example.com/orders'],
      accessTokenLifetime: '15m',
      refreshTokenLifetime: '30d',
      // At most 1000 fresh tokens a month for each client, counted by the calendar of Lisbon.
      plan: { tokens: { limit: 1000, per: 'month', timeZone: 'Europe/Lisbon' } },
      clients: [
        {
          clientId: 'partner',
          displayName: 'A partner',
          secrets: [{ env: 'ORDERS_PARTNER_SECRET' }],
          scopes: ['orders:read', 'orders:write'],
          defaultScopes: ['orders:read'],
        },
        {
          clientId: 'old-app',
          displayName: 'The old app',
          public: true,
          // Legacy, for this client only (RFC 9700 section 2.4): the server warns at every start.
          grants: ['password', 'refresh_token'],
          scopes: ['orders:read'],
        },
      ],
      users: [
        {
          username: 'ada@example.com',
          // `countersign hash --password` printed it; the password was thrown away.
          password: { hash: '$argon2id$v=19$m=19456,t=2,p=1$TkMcNiZLWpzcfODqmu5rBg$XLEabtbUM7sseS7p90HY3OwS3NNAmeV9BPz3+vTHZGI' },
          claims: { name: 'Ada', email: 'ada@example.com' },
        },
      ],
    },
  ],
  apis: [
    {
      id: 'orders',
      realm: 'orders',
      upstream: 'http://127.0.0.1:9000',
      routes: [
        { methods: ['GET'], path: '/orders/*', scopes: ['orders:read'] },
        { methods: ['POST', 'PUT', 'DELETE'], path: '/orders/*', scopes: ['orders:write'] },
      ],
      otherwise: 'deny',
      credentials: 'strip',
    },
  ],
})
