// A realm whose clients bind their tokens to keys, its guarded APIs, and such a client. RFC 9449.
import { randomUUID } from 'node:crypto'
import type { ProofContent, ProofSigner } from '@countersign/protocol/jose/dpop'
import { createProofSigner, makeProof } from '@countersign/protocol/jose/dpop'
import { generatePrivateJwk } from '@countersign/protocol/jose/jwk'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import { API, hashed, PASSWORD, secretOf } from './orders.ts'

export const TOKEN_PATH = '/realms/vault/oauth2/token'

export async function vaultConfig(upstream: string): Promise<ConfigInput> {
  const common = { defaultAudience: API, scopes: ['read', 'write'], defaultScopes: ['read'] }
  const client = (clientId: string) => ({ clientId, secret: hashed(secretOf(clientId)), ...common })
  return {
    realms: [
      {
        id: 'vault',
        hosts: ['login.vault.example'],
        scopes: ['read', 'write', 'profile'],
        audiences: [API],
        users: [{ username: 'ada', password: { hash: await hashPassword(PASSWORD) }, claims: { name: 'Ada L' } }],
        clients: [
          client('shop'),
          { ...client('reference'), tokenFormat: 'opaque' },
          { ...client('strict'), dpop: 'required' },
          { ...client('checker'), introspects: true },
          { ...client('counted'), plan: { tokens: { limit: 1, per: 'month' } } },
          {
            clientId: 'phone',
            public: true,
            grants: ['password', 'refresh_token'],
            defaultAudience: API,
            scopes: ['read', 'profile'],
            defaultScopes: ['read', 'profile'],
          },
        ],
      },
    ],
    apis: [
      {
        id: 'orders',
        realm: 'vault',
        upstream,
        hosts: ['api.vault.example'],
        routes: [
          { path: '/orders/*', scopes: ['read'] },
          { path: '/write', scopes: ['write'] },
        ],
      },
      { id: 'strip', realm: 'vault', upstream, credentials: 'strip' },
    ],
  }
}

export const newKey = async (): Promise<ProofSigner> => createProofSigner(await generatePrivateJwk('ES256'))

/** A proof for `POST` to this URL, now. */
export function prove(key: ProofSigner, url: string, changes: Partial<ProofContent> = {}): string {
  return makeProof(key, { jti: randomUUID(), method: 'POST', url, issuedAt: Math.floor(Date.now() / 1000), ...changes })
}

/** A token request by client_credentials with this field DPoP; without one where it is undefined. */
export function askFor(origin: string, clientId: string, dpop: string | undefined): Promise<Answer> {
  const headers = { ...basic(clientId, secretOf(clientId)), ...(dpop !== undefined && { dpop }) }
  return postForm(origin + TOKEN_PATH, { grant_type: 'client_credentials' }, headers)
}

/** A token of this client that is bound to the key. */
export async function boundToken(origin: string, key: ProofSigner, clientId = 'shop'): Promise<string> {
  const { json, text } = await askFor(origin, clientId, prove(key, origin + TOKEN_PATH))
  if (json['token_type'] !== 'DPoP') throw new Error(`no bound token: ${text}`)
  return String(json['access_token'])
}
