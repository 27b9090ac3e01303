// WebCommander's home-made token API: a JSON body whose `auth_string` is a user, so that its client_credentials
// is really the password grant; an answer without token_type; tokens shown as `access_token: TOKEN`.
import type { Dialect } from '../dialect.ts'
import { standard } from './standard.ts'

const BASE = '/api/v4/oauth2'

export const webcommander: Dialect = {
  ...standard,
  name: 'webcommander',
  endpoints: {
    token: [`${BASE}/token`],
    introspection: [`${BASE}/introspect`],
    revocation: [`${BASE}/revoke`],
    userinfo: [`${BASE}/userinfo`],
    jwks: [`${BASE}/jwks`],
    pem: [`${BASE}/keys/{kid}.pem`],
    metadata: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  },
  token_request: {
    encodings: ['json', 'form'],
    client_auth: ['client_secret_post', 'client_secret_basic', 'none'],
    parameters: {},
    composites: [{ parameter: 'auth_string', encoding: 'base64', members: ['username', 'password'], separator: ':' }],
    ignored: ['redirect_uri'],
    grants: [{ grant_type: 'client_credentials', needs: ['username', 'password'], is: 'password', required: true }],
  },
  token_response: {
    envelope: null,
    members: [
      { name: 'access_token', from: 'access_token' },
      { name: 'refresh_token', from: 'refresh_token' },
      { name: 'expires_in', from: 'expires_in' },
      // The page's answer has no token_type; strict clients fail without it.
      { name: 'token_type', from: 'token_type', verbatim: 'omit' },
      // Nor has it a scope, which must be told where it differs from the one asked (RFC 6749 section 5.1).
      { name: 'scope', from: 'scope', verbatim: 'omit' },
    ],
  },
  presentation: {
    token: [
      { header: 'access_token', scheme: null },
      { header: 'authorization', scheme: 'Bearer' },
    ],
    api_key: [],
  },
}
