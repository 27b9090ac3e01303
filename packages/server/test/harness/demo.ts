// The demo's token requests, as its pages send them: where, how, and the API they open.
import type { Answer } from './http.ts'
import { postForm, postJson } from './http.ts'

export const DEMO_REALMS = ['willba', 'partner', 'wogeez', 'wave', 'webcommander'] as const
export type DemoRealm = (typeof DEMO_REALMS)[number]

export const TOKEN_PATHS: Readonly<Record<DemoRealm, string>> = {
  willba: '/realms/willba/protocol/openid-connect/token',
  partner: '/realms/partner/protocol/openid-connect/token',
  wogeez: '/realms/wogeez/protocol/openid-connect/token',
  wave: '/realms/wave/oauth/token',
  webcommander: '/realms/webcommander/api/v4/oauth2/token',
}

/** The body each page sends. */
export const TOKEN_REQUESTS: Readonly<Record<DemoRealm, Readonly<Record<string, string>>>> = {
  willba: { client_id: 'YOUR_CLIENT_ID', client_secret: 'YOUR_CLIENT_SECRET', grant_type: 'client_credentials' },
  partner: { client_id: 'client_123456789', client_secret: 'supxxxxxxxxret', grant_type: 'client_credentials' },
  wogeez: { client_id: 'wogeez-api', username: 'your-username', password: 'your-password', grant_type: 'password' },
  wave: {
    grant_type: 'client_credentials',
    client_id: 'the-client-id',
    client_secret: 'the-secret-id',
    audience: 'https://api.wave.bemobi.com',
  },
  webcommander: {
    grant_type: 'client_credentials',
    auth_string: 'bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t',
    redirect_uri: 'https://api.webcommander.com/oauth-callback',
    client_id: 'f6681a45ad483e3c0a37016561d5b8be',
    client_secret: '14e72a77d9125429b0c514010ddb0e46',
  },
}

/** A token request as its page sends it, with some parameters changed; undefined leaves one out. */
export function requestToken(origin: string, realm: DemoRealm, changes: Record<string, string | undefined> = {}): Promise<Answer> {
  const merged = Object.entries({ ...TOKEN_REQUESTS[realm], ...changes }).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const post = realm === 'webcommander' ? postJson : postForm
  return post(origin + TOKEN_PATHS[realm], Object.fromEntries(merged))
}

/** The headers each page shows the token in. */
export function presentation(realm: DemoRealm, token: string): Record<string, string> {
  if (realm === 'partner') return { 'x-api-key': 'demo-wych-api-key', authorisation: `bearer ${token}` }
  return realm === 'webcommander' ? { access_token: token } : { authorization: `Bearer ${token}` }
}

export async function accessToken(origin: string, realm: DemoRealm): Promise<string> {
  const { json } = await requestToken(origin, realm)
  if (typeof json['access_token'] !== 'string') throw new Error(`realm ${realm} gave no token: ${JSON.stringify(json)}`)
  return json['access_token']
}
