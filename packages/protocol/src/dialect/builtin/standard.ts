// The dialect of the standards: RFC 6749, 6750, 8414, 9068. The others say what differs from it.
import type { Dialect } from '../dialect.ts'

export const standard: Dialect = {
  name: 'standard',
  verbatim: false,
  mount: 'prefixed',
  endpoints: {
    token: ['/oauth2/token'],
    authorization: ['/oauth2/authorize'],
    introspection: ['/oauth2/introspect'],
    revocation: ['/oauth2/revoke'],
    userinfo: ['/oauth2/userinfo'],
    jwks: ['/.well-known/jwks.json'],
    pem: ['/.well-known/keys/{kid}.pem'],
    metadata: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  },
  token_request: {
    encodings: ['form'],
    client_auth: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'client_secret_jwt', 'none'],
    parameters: {},
    composites: [],
    ignored: [],
    grants: [],
  },
  token_response: {
    envelope: null,
    members: [
      { name: 'access_token', from: 'access_token' },
      { name: 'token_type', from: 'token_type' },
      { name: 'expires_in', from: 'expires_in' },
      { name: 'refresh_token', from: 'refresh_token' },
      { name: 'scope', from: 'scope' },
      { name: 'issued_token_type', from: 'issued_token_type' },
    ],
  },
  error: {
    envelope: null,
    members: [
      { name: 'error', from: 'error' },
      { name: 'error_description', from: 'error_description' },
    ],
    statuses: {},
    codes: {},
  },
  presentation: {
    token: [{ header: 'authorization', scheme: 'Bearer' }],
    api_key: [{ header: 'x-api-key', scheme: null }],
  },
  claims: {
    typ: 'at+jwt',
    issuer_slash: false,
    algorithm: 'ES256',
    members: [
      { name: 'iss', from: 'iss' },
      { name: 'sub', from: 'sub' },
      { name: 'aud', from: 'aud' },
      { name: 'exp', from: 'exp' },
      { name: 'iat', from: 'iat' },
      { name: 'jti', from: 'jti' },
      { name: 'client_id', from: 'client_id' },
      { name: 'scope', from: 'scope' },
      { name: 'sid', from: 'sid' },
    ],
  },
  metadata: { omit: [], constants: {}, space_joined: [] },
}
