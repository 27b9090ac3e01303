// The demo: the five realms of the integration pages with the pages' own example credentials.
// These are public: they are accepted by the demo only, which listens on loopback only and keeps nothing.
import { secretHash } from '../model/secret_hash.ts'
import type { ApiInput, ConfigInput, RealmInput } from './input.ts'

export interface DemoOptions {
  /** Origin of the sample upstream behind the guarded APIs. */
  readonly upstream: string
  /** `local` (default): issuers under the demo's own public URL. `pages`: the issuers that the pages name, for runs behind their host names. */
  readonly issuers?: 'local' | 'pages'
}

/** The pages' example secrets and passwords, and one of our own for Wych's user. No other configuration may use them. */
export const DEMO_SECRETS = {
  willba: 'YOUR_CLIENT_SECRET',
  partner: 'supxxxxxxxxret',
  partnerApiKey: 'demo-wych-api-key',
  partnerPassword: 'wych-password',
  wogeezPassword: 'your-password',
  wave: 'the-secret-id',
  webcommander: '14e72a77d9125429b0c514010ddb0e46',
  webcommanderPassword: 'newwc7@mywebcommander.com',
} as const

/** The demo as a configuration; complete, so that it needs no check at start. */
export function demoConfig({ upstream, issuers = 'local' }: DemoOptions): ConfigInput {
  const realms = [willba, partner, wogeez, wave, webcommander]
  return {
    realms: realms.map((realm) => (issuers === 'pages' ? { ...realm, issuer: PAGE_ISSUERS[realm.id] ?? '' } : realm)),
    apis: realms.map((realm) => api(realm, upstream)),
  }
}

const PAGE_ISSUERS: Readonly<Record<string, string>> = {
  willba: 'https://auth.willba.app/realms/willba',
  partner: 'https://login.wych.app/realms/partner',
  wogeez: 'https://auth.wogeez.com/realms/wogeez',
  wave: 'https://auth.wave.bemobi.com/',
  webcommander: 'https://api.webcommander.com',
}

const API_HOSTS: Readonly<Record<string, string>> = {
  willba: 'api.willba.app',
  partner: 'api.wych.app',
  wogeez: 'api.wogeez.com',
  wave: 'api.wave.bemobi.com',
  webcommander: 'api.webcommander.com',
}

function api(realm: RealmInput, upstream: string): ApiInput {
  return {
    id: realm.id,
    realm: realm.id,
    hosts: [API_HOSTS[realm.id] ?? ''],
    upstream,
    apiKey: realm.id === 'partner' ? 'required' : 'off',
  }
}

// Passwords are hashed beforehand: argon2id at start would cost more than all the rest of it.
const YOUR_PASSWORD = '$argon2id$v=19$m=19456,t=2,p=1$jAfkuI3aPsOZPcVINFHotQ$36gwNN9HtwHwncE5Y9KNwuHxFSJ3roU6liMyx+PjCDs'
const WYCH_PASSWORD = '$argon2id$v=19$m=19456,t=2,p=1$WAoptRfCguXieXqPODkm7g$nfLZ+ZTS8skbK+TEMlkie66kvp7t8koKYQKObVmBJ1A'
const WEBCOMMANDER_PASSWORD = '$argon2id$v=19$m=19456,t=2,p=1$Da/hhieBPW58TCjopGCEIA$6QCk+1LfewRuF8vJ/Xa2Vf3AYJpa7Q3mDujdqJ3nT2Y'

/** The same for their hashes: no other configuration may hold one. */
export const DEMO_PASSWORD_HASHES: readonly string[] = [YOUR_PASSWORD, WYCH_PASSWORD, WEBCOMMANDER_PASSWORD]

const willba: RealmInput = {
  id: 'willba',
  displayName: 'Willba',
  hosts: ['auth.willba.app'],
  dialects: ['keycloak'],
  scopes: ['email', 'profile'],
  audiences: ['https://api.willba.app'],
  accessTokenLifetime: 300,
  clients: [
    {
      clientId: 'YOUR_CLIENT_ID',
      displayName: 'Willba integration',
      secret: { hash: secretHash(DEMO_SECRETS.willba) },
      scopes: ['email', 'profile'],
    },
  ],
}

const partner: RealmInput = {
  id: 'partner',
  displayName: 'Wych',
  hosts: ['login.wych.app'],
  dialects: [
    {
      extends: 'keycloak',
      name: 'wych',
      presentation: {
        // The page spells the header both ways, and the scheme in lower case.
        token: [
          { header: 'authorisation', scheme: 'bearer' },
          { header: 'authorization', scheme: 'Bearer' },
        ],
        api_key: [{ header: 'x-api-key', scheme: null }],
      },
    },
  ],
  scopes: ['EXECUTE:TOKEN_EXCHANGE', 'READ:APP_USERS'],
  audiences: ['https://api.wych.app'],
  // "Excessive use of the /token endpoint may result in unsuccessful requests."
  // "The API key is used for throttling and volume tracking."
  plan: {
    rate: { limit: 600, per: '1m', burst: 6000 },
    requests: { rates: [{ limit: 100, per: '1s', burst: 1000 }], perDay: 1_000_000 },
  },
  accessTokenLifetime: 900,
  clients: [
    {
      clientId: 'client_123456789',
      displayName: 'Wych partner',
      secret: { hash: secretHash(DEMO_SECRETS.partner) },
      grants: ['client_credentials', 'token_exchange'],
      scopes: ['EXECUTE:TOKEN_EXCHANGE', 'READ:APP_USERS'],
      // What the first of its scopes is for: with a token of the app's user it gets one to read as that user, and no more.
      exchanges: [{ subjectClients: ['wych-app'], actorScope: 'EXECUTE:TOKEN_EXCHANGE', scopes: ['READ:APP_USERS'] }],
      apiKeys: [{ id: 'demo', key: { hash: secretHash(DEMO_SECRETS.partnerApiKey) }, displayName: 'Dashboard key' }],
    },
    // Not on the page: the app whose users' tokens are exchanged.
    {
      clientId: 'wych-app',
      displayName: 'Wych app',
      public: true,
      grants: ['password'],
      scopes: ['READ:APP_USERS'],
    },
  ],
  users: [{ username: 'wych-user', password: { hash: WYCH_PASSWORD }, claims: { name: 'Wych User', email: 'wych-user@example.com' } }],
}

const wogeez: RealmInput = {
  id: 'wogeez',
  displayName: 'Wogeez',
  hosts: ['auth.wogeez.com'],
  dialects: ['keycloak'],
  scopes: ['email', 'profile'],
  audiences: ['https://api.wogeez.com'],
  accessTokenLifetime: 3600,
  clients: [
    {
      clientId: 'wogeez-api',
      displayName: 'Wogeez API',
      public: true,
      grants: ['password', 'refresh_token'],
      scopes: ['email', 'profile'],
    },
  ],
  users: [
    {
      username: 'your-username',
      password: { hash: YOUR_PASSWORD },
      claims: { name: 'Your Name', email: 'your-username@example.com', email_verified: true },
    },
  ],
}

const wave: RealmInput = {
  id: 'wave',
  displayName: 'Wave',
  hosts: ['auth.wave.bemobi.com'],
  dialects: ['auth0'],
  audiences: ['https://api.wave.bemobi.com'],
  // "The API has a limit of 1000 tokens per month."
  plan: { tokens: { limit: 1000, per: 'month' } },
  accessTokenLifetime: 3600,
  clients: [
    {
      clientId: 'the-client-id',
      displayName: 'Wave integration',
      secret: { hash: secretHash(DEMO_SECRETS.wave) },
      // The page sends `audience`, and Auth0 without a default audience refuses a request that does not.
      defaultAudience: null,
    },
  ],
}

const webcommander: RealmInput = {
  id: 'webcommander',
  displayName: 'WebCommander',
  hosts: ['api.webcommander.com'],
  dialects: ['webcommander'],
  audiences: ['https://api.webcommander.com'],
  accessTokenLifetime: 3600,
  clients: [
    {
      clientId: 'f6681a45ad483e3c0a37016561d5b8be',
      displayName: 'WebCommander integration',
      secret: { hash: secretHash(DEMO_SECRETS.webcommander) },
      grants: ['password', 'refresh_token'],
      tokenFormat: 'opaque',
    },
  ],
  users: [
    {
      username: 'newwc7@mywebcommander.com',
      password: { hash: WEBCOMMANDER_PASSWORD },
      claims: { email: 'newwc7@mywebcommander.com', email_verified: true },
    },
  ],
}
