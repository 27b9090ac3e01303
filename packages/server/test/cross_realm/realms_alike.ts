// Four realms, one for each built-in dialect, with the same names throughout: clients, users, keys and audience. Every secret is each one's own.
// So whatever of one realm is shown to another, only the realm itself can tell that it is not for it.
import type { JWK } from 'jose'
import { exportJWK, generateKeyPair } from 'jose'
import type { ApiInput, ClientInput, ConfigInput, RealmInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import { API, hashed } from '../issue/orders.ts'

export const ALIKE = ['standard', 'keycloak', 'auth0', 'webcommander'] as const
export type Alike = (typeof ALIKE)[number]

export const TOKEN_PATHS: Readonly<Record<Alike, string>> = {
  standard: '/realms/standard/oauth2/token',
  keycloak: '/realms/keycloak/protocol/openid-connect/token',
  auth0: '/realms/auth0/oauth/token',
  webcommander: '/realms/webcommander/api/v4/oauth2/token',
}

export const USERNAME = 'ada'
export const KID = 'one-kid-for-all'

export const secretIn = (realm: Alike, clientId: string): string => `the secret of ${clientId} in ${realm}, long enough`
export const passwordIn = (realm: Alike): string => `the password of ${USERNAME} in ${realm}`
export const apiKeyIn = (realm: Alike): string => `the-api-key-of-desk-in-${realm}`
export const proxySecretIn = (realm: Alike): string => `the secret of the proxy of ${realm}`

export interface Configured {
  readonly input: ConfigInput
  readonly env: Readonly<Record<string, string>>
  /** What the client `signer` of each realm signs with. */
  readonly signingKeys: ReadonlyMap<Alike, CryptoKey>
}

export async function configureAlike(upstream: string): Promise<Configured> {
  const pairs = await Promise.all(ALIKE.map(async (id) => [id, await generateKeyPair('ES256', { extractable: true })] as const))
  const realms = pairs.map(async ([id, { publicKey }]) => realm(id, { ...(await exportJWK(publicKey)), alg: 'ES256', kid: KID }))
  return {
    input: {
      // So that each attempt may come from an address of its own: whoever fails too often is told to wait.
      listen: { trustedProxies: ['127.0.0.1'] },
      masterKey: { env: 'MASTER' },
      realms: await Promise.all(realms),
      apis: ALIKE.flatMap((id) => apis(id, upstream)),
    },
    env: { MASTER: '6d'.repeat(32), ...Object.fromEntries(ALIKE.map((id) => [envOf(id), secretIn(id, 'hmac')])) },
    signingKeys: new Map(pairs.map(([id, { privateKey }]) => [id, privateKey])),
  }
}

/** WebCommander's page knows neither API keys nor assertions, and its client_credentials is the password grant. */
const WITH_KEYS = {
  extends: 'webcommander',
  name: 'webcommander-with-keys',
  token_request: { grants: [], client_auth: ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'client_secret_jwt', 'none'] },
  presentation: {
    token: [
      { header: 'access_token', scheme: null },
      { header: 'authorization', scheme: 'Bearer' },
    ],
    api_key: [{ header: 'x-api-key', scheme: null }],
  },
}

const envOf = (id: Alike): string => `HMAC_${id.toUpperCase()}`

async function realm(id: Alike, publicJwk: JWK): Promise<RealmInput> {
  const legacy = { grants: ['password', 'refresh_token', 'client_credentials'] as const, scopes: ['profile'] }
  const confidential = (clientId: string): ClientInput => ({ clientId, secret: hashed(secretIn(id, clientId)) })
  return {
    id,
    dialects: [id === 'webcommander' ? WITH_KEYS : id],
    scopes: ['profile'],
    audiences: [API],
    users: [{ id: 'ada-1', username: USERNAME, password: { hash: await hashPassword(passwordIn(id)) } }],
    clients: [
      { ...confidential('desk'), ...legacy, apiKeys: [{ id: 'desk-key', key: hashed(apiKeyIn(id)) }] },
      { ...confidential('till'), ...legacy, tokenFormat: 'opaque' },
      { ...legacy, clientId: 'phone', public: true, grants: ['password', 'refresh_token'] },
      { ...confidential('broker'), grants: ['client_credentials', 'token_exchange'], scopes: ['profile'], exchanges: [{}] },
      { ...confidential('checker'), introspects: true },
      { clientId: 'signer', jwks: { keys: [publicJwk] }, introspects: true },
      { clientId: 'hmac', secret: { env: envOf(id) }, authMethods: ['client_secret_jwt'], introspects: true },
    ],
  }
}

/** The realm's API, the same with an API key, and the same behind a proxy that shows a secret. */
function apis(id: Alike, upstream: string): ApiInput[] {
  const common = { realm: id, upstream, audience: API }
  return [
    { ...common, id, forwardAuth: true, apiKey: 'optional' },
    { ...common, id: `${id}-keyed`, forwardAuth: true, apiKey: 'required', assertion: true },
    { ...common, id: `${id}-secured`, forwardAuth: { secret: hashed(proxySecretIn(id)) } },
  ]
}
