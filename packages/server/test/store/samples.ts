// Valid nouns for the store's tests: each call gives one, with what the test wants different.
import type { ApiKey } from '../../src/model/api_key.ts'
import type { Act, AuditEntry } from '../../src/model/audit.ts'
import type { Client, ClientSecret } from '../../src/model/client.ts'
import type { IssueRecord } from '../../src/model/issuing.ts'
import type { Admission } from '../../src/model/metering.ts'
import type { Realm } from '../../src/model/realm.ts'
import type { SigningKey } from '../../src/model/signing_key.ts'
import type { OpaqueToken, RefreshFamily, RefreshToken, ReusableToken } from '../../src/model/token.ts'
import type { User } from '../../src/model/user.ts'

export const NOW = 1_800_000_000

export const ACT: Act = { at: NOW, by: 'configuration' }

/** To the store a dialect is a document like any other. */
const dialects: Realm['dialects'] = JSON.parse('[{"name":"invented","parameters":{"client_id":"appId"},"verbatim":[true,null,1.5]}]')

export const realm = (id: string, but: Partial<Realm> = {}): Realm => ({
  id,
  displayName: `Realm ${id}`,
  issuer: `https://auth.example/realms/${id}`,
  hosts: [`${id}.example`],
  dialects,
  grants: ['client_credentials', 'refresh_token'],
  algorithm: 'ES256',
  scopes: ['read', 'write'],
  audiences: [{ identifier: 'https://api.example', scopes: [] }],
  plan: null,
  reuse: { share: 'off' },
  trustedIssuers: [],
  keyRotation: { every: null, publishAhead: 3600 },
  accessTokenLifetime: 300,
  refreshTokenLifetime: 86_400,
  ...but,
})

export const secret = (id: string, but: Partial<ClientSecret> = {}): ClientSecret => ({
  id,
  hash: `sha256:${id}`,
  createdAt: NOW,
  expiresAt: null,
  origin: 'configuration',
  sealed: null,
  ...but,
})

export const client = (realmId: string, clientId: string, but: Partial<Client> = {}): Client => ({
  realmId,
  clientId,
  origin: 'configuration',
  displayName: `Client ${clientId}`,
  authMethods: ['client_secret_basic', 'client_secret_post'],
  secrets: [secret('one')],
  keys: { kind: 'none' },
  grants: ['client_credentials'],
  scopes: ['read', 'write'],
  defaultScopes: ['read'],
  audiences: ['https://api.example'],
  defaultAudience: null,
  tokenFormat: 'jwt',
  accessTokenLifetime: null,
  plan: { tokens: { limit: 1000, window: { unit: 'month', timeZone: 'UTC' }, mode: 'enforce', warnAt: [50] }, rate: null, requests: null },
  reuse: null,
  exchanges: [],
  workloads: [],
  dpop: 'optional',
  introspects: false,
  enabled: true,
  ...but,
})

export const user = (realmId: string, id: string, but: Partial<User> = {}): User => ({
  realmId,
  id,
  username: `name-of-${id}`,
  passwordHash: '$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA',
  claims: { email: `${id}@example.org`, address: { country: 'FI' } },
  enabled: true,
  ...but,
})

export const apiKey = (realmId: string, clientId: string, id: string, but: Partial<ApiKey> = {}): ApiKey => ({
  id,
  realmId,
  clientId,
  hash: `sha256:key-${id}`,
  displayName: `Key ${id}`,
  createdAt: NOW,
  expiresAt: null,
  endedAt: null,
  origin: 'configuration',
  addresses: [],
  ...but,
})

export const signingKey = (realmId: string, kid: string, but: Partial<SigningKey> = {}): SigningKey => ({
  kid,
  realmId,
  algorithm: 'ES256',
  publicJwk: JSON.parse(`{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","kid":"${kid}","alg":"ES256","use":"sig"}`),
  privateKey: 'plain:{"kty":"EC"}',
  createdAt: NOW,
  activeAt: NOW,
  retiredAt: null,
  ...but,
})

export const family = (realmId: string, id: string, but: Partial<RefreshFamily> = {}): RefreshFamily => ({
  id,
  realmId,
  clientId: 'app',
  subject: 'user-1',
  scope: ['openid', 'read'],
  audience: ['https://api.example'],
  dialect: 'standard',
  credential: 'one',
  binding: null,
  createdAt: NOW,
  ...but,
})

export const refreshToken = (familyId: string, hash: string, but: Partial<RefreshToken> = {}): RefreshToken => ({
  hash,
  familyId,
  createdAt: NOW,
  expiresAt: NOW + 1000,
  ...but,
})

export const opaqueToken = (realmId: string, hash: string, but: Partial<OpaqueToken> = {}): OpaqueToken => ({
  hash,
  realmId,
  claims: { jti: `jti-${hash}`, exp: NOW + 300, client_id: 'app', scope: 'read' },
  expiresAt: NOW + 300,
  ...but,
})

export const reusable = (realmId: string, meaning: string, jti: string, but: Partial<ReusableToken> = {}): ReusableToken => ({
  realmId,
  meaning,
  clientId: 'app',
  credential: 'one',
  jti: `one.${jti}`,
  claims: { jti: `one.${jti}`, sub: 'app', scope: 'read', exp: NOW + 300 },
  expiresAt: NOW + 300,
  reusableUntil: NOW + 200,
  ...but,
})

/** A record that leaves nothing behind, with what the test wants left. */
export const issueRecord = (but: Partial<IssueRecord> = {}): IssueRecord => ({
  now: NOW,
  charge: null,
  reuse: null,
  refresh: null,
  opaque: null,
  audit: null,
  ...but,
})

export const admission = (but: Partial<Admission> = {}): Admission => ({
  key: { realmId: 'a', clientId: 'app', apiKeyId: 'k1', apiId: 'goods', route: 'GET /orders/:id' },
  now: NOW,
  units: 1,
  charges: [],
  ...but,
})

export const auditEntry = (realmId: string, but: Partial<AuditEntry> = {}): AuditEntry => ({
  at: NOW,
  by: 'client',
  realmId,
  event: 'token.issued',
  clientId: 'app',
  address: '192.0.2.1',
  detail: { jti: 'one.j' },
  ...but,
})
