// The demo's lines to paste: a token request per realm as its page spells it, and a call of the guarded API behind it.
import { DEMO_SECRETS } from '../config/demo.ts'

export interface DemoLines {
  readonly realm: string
  readonly about: string
  /** One shell command each, over as many lines as it needs; `TOKEN` stands where the token goes. */
  readonly token: (publicUrl: string) => readonly string[]
  readonly api: (publicUrl: string) => readonly string[]
}

export const DEMO_LINES: readonly DemoLines[] = [
  {
    realm: 'willba',
    about: 'the Keycloak family, client_credentials',
    token: (url) => [
      `curl ${url}/realms/willba/protocol/openid-connect/token \\`,
      `  -d 'client_id=YOUR_CLIENT_ID&client_secret=${DEMO_SECRETS.willba}&grant_type=client_credentials'`,
    ],
    api: (url) => [`curl ${url}/apis/willba/some-endpoint -H 'Authorization: Bearer TOKEN'`],
  },
  {
    realm: 'partner',
    about: 'Wych: a token and an API key of the same client',
    token: (url) => [
      `curl ${url}/realms/partner/protocol/openid-connect/token \\`,
      `  -d 'client_id=client_123456789&client_secret=${DEMO_SECRETS.partner}&grant_type=client_credentials'`,
    ],
    api: (url) => [
      `curl ${url}/apis/partner/accounts \\`,
      `  -H 'x-api-key: ${DEMO_SECRETS.partnerApiKey}' -H 'authorisation: bearer TOKEN'`,
    ],
  },
  {
    realm: 'wogeez',
    about: 'the Keycloak family, a user by password',
    token: (url) => [
      `curl ${url}/realms/wogeez/protocol/openid-connect/token \\`,
      `  -d 'client_id=wogeez-api&username=your-username&password=${DEMO_SECRETS.wogeezPassword}&grant_type=password'`,
    ],
    api: (url) => [`curl ${url}/apis/wogeez/some-endpoint -H 'Authorization: Bearer TOKEN'`],
  },
  {
    realm: 'wave',
    about: 'the Auth0 family, a token for one audience',
    token: (url) => [
      `curl ${url}/realms/wave/oauth/token \\`,
      `  -d 'client_id=the-client-id&client_secret=${DEMO_SECRETS.wave}' \\`,
      "  -d 'grant_type=client_credentials&audience=https://api.wave.bemobi.com'",
    ],
    api: (url) => [`curl ${url}/apis/wave/some-endpoint -H 'Authorization: Bearer TOKEN'`],
  },
  {
    realm: 'webcommander',
    about: 'JSON, a user in auth_string, an opaque token in a header of its own',
    token: (url) => [
      `curl ${url}/realms/webcommander/api/v4/oauth2/token \\`,
      `  -H 'Content-Type: application/json' -d '{"grant_type":"client_credentials",`,
      `    "auth_string":"bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t",`,
      `    "redirect_uri":"https://api.webcommander.com/oauth-callback",`,
      `    "client_id":"f6681a45ad483e3c0a37016561d5b8be",`,
      `    "client_secret":"${DEMO_SECRETS.webcommander}"}'`,
    ],
    api: (url) => [`curl ${url}/apis/webcommander/some-endpoint -H 'access_token: TOKEN'`],
  },
]
