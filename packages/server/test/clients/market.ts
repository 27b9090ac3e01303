// A realm of the standard dialect as an operator configures it, for the client libraries of the files beside: confidential clients with
// a plain and with a difficult secret, a public one, a resource server that introspects, and a person.

import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'

export const AUDIENCE = 'https://api.market.example'

/** What curl -u, Go and Python send raw and others encode is the same text. */
export const SHOP = { clientId: 'shop', secret: 'M4rket-shop_secret.0123456789' } as const

/** Every character that one encoding or another must escape. */
export const DIFFICULT = { clientId: 'shop&sons=%41+1/2', secret: `M4rket !"#$%&'()*+,-./:;<=>?@[]^_{|}~ %2B` } as const

/** Public: grants password and refresh_token. */
export const TILL = { clientId: 'till' } as const

/** May introspect other clients' tokens. */
export const WAREHOUSE = { clientId: 'warehouse', secret: 'M4rket-warehouse_secret.0123456789' } as const

export const ADA = { username: 'ada+1@market.example', password: 'Ada & 100% of the/engine?+=' } as const

/** Where the dialect `standard` has its endpoints, for clients without discovery. */
export const PATHS = {
  token: '/realms/market/oauth2/token',
  introspection: '/realms/market/oauth2/introspect',
  revocation: '/realms/market/oauth2/revoke',
} as const

export interface Market extends TestServer {
  readonly issuer: string
}

export async function startMarket(): Promise<Market> {
  const server = await startConfigured(CONFIG, { ADA_PASSWORD: ADA.password })
  return { ...server, issuer: `${server.origin}/realms/market` }
}

const SCOPES = ['orders:read', 'orders:write', 'profile', 'email']

const CONFIG: ConfigInput = {
  realms: [
    {
      id: 'market',
      dialects: ['standard'],
      scopes: SCOPES,
      audiences: [AUDIENCE],
      accessTokenLifetime: '10m',
      clients: [
        confidential(SHOP.clientId, SHOP.secret),
        confidential(DIFFICULT.clientId, DIFFICULT.secret),
        { clientId: TILL.clientId, public: true, grants: ['password', 'refresh_token'], scopes: ['profile', 'email'] },
        { clientId: WAREHOUSE.clientId, secret: { hash: secretHash(WAREHOUSE.secret) }, introspects: true },
      ],
      users: [
        {
          username: ADA.username,
          password: { env: 'ADA_PASSWORD' },
          claims: { name: 'Ada', email: 'ada@market.example', email_verified: true },
        },
      ],
    },
  ],
}

function confidential(clientId: string, secret: string): ConfigInput['realms'][number]['clients'][number] {
  return {
    clientId,
    secret: { hash: secretHash(secret) },
    grants: ['client_credentials', 'password', 'refresh_token'],
    scopes: SCOPES,
    defaultScopes: ['orders:read'],
  }
}
