// The Auth0 family (Wave): /oauth/token by form or JSON, `audience`, an issuer with its slash, `clientid@clients`.
import type { Dialect } from '../dialect.ts'
import { standard } from './standard.ts'

export const auth0: Dialect = {
  ...standard,
  name: 'auth0',
  endpoints: {
    token: ['/oauth/token'],
    introspection: ['/oauth/introspect'],
    revocation: ['/oauth/revoke'],
    userinfo: ['/userinfo'],
    jwks: ['/.well-known/jwks.json'],
    pem: ['/.well-known/keys/{kid}.pem'],
    metadata: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  },
  token_request: {
    ...standard.token_request,
    encodings: ['form', 'json'],
    client_auth: ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'client_secret_jwt', 'none'],
  },
  token_response: {
    envelope: null,
    members: [
      { name: 'access_token', from: 'access_token' },
      { name: 'refresh_token', from: 'refresh_token' },
      { name: 'scope', from: 'scope' },
      { name: 'expires_in', from: 'expires_in' },
      { name: 'token_type', from: 'token_type' },
      { name: 'issued_token_type', from: 'issued_token_type' },
    ],
  },
  claims: {
    typ: 'at+jwt',
    issuer_slash: true,
    algorithm: 'RS256',
    members: [
      { name: 'iss', from: 'iss' },
      { name: 'sub', template: '{client_id}@clients', subject: 'client' },
      { name: 'sub', from: 'sub', subject: 'user' },
      { name: 'aud', from: 'aud' },
      { name: 'iat', from: 'iat' },
      { name: 'exp', from: 'exp' },
      { name: 'jti', from: 'jti' },
      { name: 'scope', from: 'scope' },
      { name: 'azp', from: 'client_id' },
      { name: 'client_id', from: 'client_id' },
      { name: 'gty', constant: 'client-credentials', subject: 'client' },
      { name: 'gty', constant: 'password', subject: 'user' },
      { name: 'sid', from: 'sid' },
    ],
  },
}
