// The texts of a first configuration. `init` fills in the hashes.

export interface FirstCredentials {
  readonly secretHash: string
  /** Stands in the key itself too. */
  readonly apiKeyId: string
  readonly apiKeyHash: string
}

/** Strict JSON: a starter without comments. */
export function starterJson({ secretHash, apiKeyId, apiKeyHash }: FirstCredentials): string {
  const config = {
    listen: { host: '127.0.0.1', port: 8080, managementPort: 8081 },
    realms: [
      {
        id: 'main',
        displayName: 'Main',
        scopes: ['read', 'write'],
        audiences: ['orders'],
        accessTokenLifetime: '15m',
        clients: [
          {
            clientId: 'first-client',
            displayName: 'First client',
            secrets: [{ hash: secretHash }],
            scopes: ['read', 'write'],
            defaultScopes: ['read'],
            apiKeys: [{ id: apiKeyId, displayName: 'First key', key: { hash: apiKeyHash } }],
          },
        ],
      },
    ],
    apis: [{ id: 'orders', realm: 'main', upstream: 'http://127.0.0.1:9000', apiKey: 'optional' }],
  }
  return `${JSON.stringify(config, null, 2)}\n`
}

/** The import is of a type only, which Node takes away unread: the file works in any folder. */
export function starterTypeScript(credentials: FirstCredentials, typed: boolean): string {
  const [open, close] = typed
    ? ["import type { ConfigInput } from '@countersign/server'\n\nexport default {", '} satisfies ConfigInput']
    : ["/** @type {import('@countersign/server').ConfigInput} */\nexport default {", '}']
  return `// Countersign's configuration. Every mistake in it is named by its place when the server starts.
${open}
${body(credentials)}
${close}
`
}

function body({ secretHash, apiKeyId, apiKeyHash }: FirstCredentials): string {
  return `  // Where the server listens. Flags (--port 80) and variables (COUNTERSIGN_PORT) win over what is written here.
  listen: { host: '127.0.0.1', port: 8080, managementPort: 8081 },

  // The origin under which others reach it. Needed once it listens on more than this machine.
  // publicUrl: 'https://auth.example.com',

  // A folder that keeps everything in one database file. Without it, state is in memory.
  // data: './data',

  // Seals the signing keys in that file: 32 bytes, made by \`openssl rand -hex 32\`.
  // masterKey: { env: 'COUNTERSIGN_MASTER_KEY' },

  // A realm is one issuer with its own keys, clients and users.
  realms: [
    {
      id: 'main',
      displayName: 'Main',

      // How its API spells OAuth: standard, keycloak, auth0, webcommander, or a document of your own.
      dialects: ['standard'],

      // What tokens may allow, and which APIs they are for.
      scopes: ['read', 'write'],
      audiences: ['orders'],
      accessTokenLifetime: '15m',

      // What each client may have: never more, whatever happens, and told in every answer. Tokens, how fast it may ask for them, requests.
      // plan: {
      //   tokens: { limit: 1000, per: 'month', timeZone: 'Europe/Lisbon' },
      //   rate: { limit: 60, per: '1m', burst: 100 },
      //   requests: { rates: [{ limit: 10, per: '1s', burst: 50 }], perMonth: 100_000 },
      // },

      // The same request gets the token it already has while half of its life remains, uncharged.
      // reuse: true,

      clients: [
        {
          clientId: 'first-client',
          displayName: 'First client',
          // A secret is { env: 'NAME' }, { file: 'PATH' } or { hash: '...' }, never itself.
          // Two may be live at once, so that they can be rotated: \`countersign hash\` makes the next one's hash.
          secrets: [{ hash: '${secretHash}' }],
          grants: ['client_credentials'],
          scopes: ['read', 'write'],
          defaultScopes: ['read'],
          // It meters and throttles, and opens nothing by itself. Its id stands in the key. "addresses" says where it may come from.
          apiKeys: [{ id: '${apiKeyId}', displayName: 'First key', key: { hash: '${apiKeyHash}' } }],
        },
      ],
    },
  ],

  // APIs that are guarded: /apis/orders/... needs a token of the realm, and goes to the upstream.
  apis: [
    {
      id: 'orders',
      realm: 'main',
      upstream: 'http://127.0.0.1:9000',
      apiKey: 'optional',
      // /apis/orders/17 is checked and forwarded as /17. With routes, what none of them names is refused.
      // routes: [{ methods: ['GET'], path: '/*', scopes: ['read'] }, { methods: ['POST'], path: '/', scopes: ['write'] }],
    },
  ],`
}
