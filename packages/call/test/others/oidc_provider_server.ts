// oidc-provider from npm, in this process: JWT access tokens for one API, every grant and client authentication that this client knows.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import * as oidc from 'oidc-provider'
import { serve } from '../fake_provider.ts'

export const API = 'https://api.example.com/orders'
export const SCOPE = 'orders:read'
/** All that RFC 6749 appendix A.2 lets a secret have. */
export const SECRET = 'a secret with: / + % & = ? # ~ * \' " ( ) ! \\ ^'
/** Nothing has to listen there: the person's browser stops before it. */
export const REDIRECT_URI = 'http://127.0.0.1:65000/back'

export interface OidcProvider {
  readonly issuer: string
  /** `grant_type` of the token requests, in order. */
  readonly grants: readonly string[]
  /** For private_key_jwt, ES256. */
  readonly clientKey: Readonly<Record<string, unknown>>
}

/** The package has no types; this is what is used of it. */
type ProviderClass = new (
  issuer: string,
  configuration: Readonly<Record<string, unknown>>,
) => {
  callback(): (request: IncomingMessage, response: ServerResponse) => void
  on(event: 'grant.success', listener: (context: { readonly oidc: { readonly params: Readonly<Record<string, unknown>> } }) => void): void
}
const { Provider } = oidc as unknown as { readonly Provider: ProviderClass }

export async function startOidcProvider(t: TestContext, { tokens = 'jwt' }: { tokens?: 'jwt' | 'opaque' } = {}): Promise<OidcProvider> {
  const grants: string[] = []
  const client = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined
  const issuer = await serve(t, (request, response) => answer(request, response))
  const human = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code']
  const common = {
    response_types: ['code'],
    redirect_uris: [REDIRECT_URI],
    id_token_signed_response_alg: 'ES256',
    scope: `openid offline_access ${SCOPE}`,
  }
  const grantTypes = [...human, 'client_credentials']
  const jwks = { keys: [{ ...client.publicKey.export({ format: 'jwk' }), kid: 'ours', use: 'sig', alg: 'ES256' }] }
  const provider = new Provider(issuer, {
    clients: [
      { ...common, client_id: 'basic', client_secret: SECRET, grant_types: grantTypes, token_endpoint_auth_method: 'client_secret_basic' },
      { ...common, client_id: 'post', client_secret: SECRET, grant_types: grantTypes, token_endpoint_auth_method: 'client_secret_post' },
      { ...common, client_id: 'signing', grant_types: grantTypes, token_endpoint_auth_method: 'private_key_jwt', jwks },
      { ...common, client_id: 'public', application_type: 'native', grant_types: human, token_endpoint_auth_method: 'none' },
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    jwks: { keys: [{ ...server.privateKey.export({ format: 'jwk' }), kid: 'server', use: 'sig', alg: 'ES256' }] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: ['openid', 'offline_access', SCOPE],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: () => true,
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      resourceIndicators: {
        enabled: tokens === 'jwt',
        defaultResource: () => API,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: SCOPE,
          audience: API,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  })
  provider.on('grant.success', (context) => grants.push(String(context.oidc.params['grant_type'])))
  answer = provider.callback()
  return { issuer, grants, clientKey: { ...client.privateKey.export({ format: 'jwk' }) } }
}
