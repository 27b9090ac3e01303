// The Keycloak family (Willba, Wych, Wogeez): its paths, its two constant members, `typ: Bearer` in the payload.
import type { Dialect } from '../dialect.ts'
import { standard } from './standard.ts'

const BASE = '/realms/{realm}'
const CONNECT = `${BASE}/protocol/openid-connect`

export const keycloak: Dialect = {
  ...standard,
  name: 'keycloak',
  mount: 'absolute',
  endpoints: {
    token: [`${CONNECT}/token`],
    authorization: [`${CONNECT}/auth`],
    introspection: [`${CONNECT}/token/introspect`],
    revocation: [`${CONNECT}/revoke`],
    userinfo: [`${CONNECT}/userinfo`],
    end_session: [`${CONNECT}/logout`],
    jwks: [`${CONNECT}/certs`],
    pem: [`${CONNECT}/certs/{kid}.pem`],
    metadata: [`${BASE}/.well-known/openid-configuration`, `${BASE}/.well-known/oauth-authorization-server`],
  },
  token_request: {
    ...standard.token_request,
    client_auth: ['client_secret_post', 'client_secret_basic', 'private_key_jwt', 'client_secret_jwt', 'none'],
  },
  token_response: {
    envelope: null,
    members: [
      { name: 'access_token', from: 'access_token' },
      { name: 'expires_in', from: 'expires_in' },
      { name: 'refresh_expires_in', from: 'refresh_expires_in', absent: 0 },
      { name: 'refresh_token', from: 'refresh_token' },
      { name: 'token_type', from: 'token_type' },
      { name: 'not-before-policy', constant: 0 },
      { name: 'scope', from: 'scope' },
      { name: 'issued_token_type', from: 'issued_token_type' },
    ],
  },
  claims: {
    typ: 'JWT',
    issuer_slash: false,
    algorithm: 'RS256',
    members: [
      { name: 'exp', from: 'exp' },
      { name: 'iat', from: 'iat' },
      { name: 'jti', from: 'jti' },
      { name: 'iss', from: 'iss' },
      { name: 'aud', from: 'aud' },
      { name: 'sub', from: 'sub' },
      { name: 'typ', constant: 'Bearer' },
      { name: 'azp', from: 'client_id' },
      { name: 'sid', from: 'sid' },
      { name: 'scope', from: 'scope' },
      { name: 'client_id', from: 'client_id' },
      { name: 'preferred_username', template: 'service-account-{client_id}', subject: 'client' },
      { name: 'preferred_username', from: 'username', subject: 'user' },
    ],
  },
  // What Wych's page shows; authorization_code itself comes with the code flow, so only the join is imitated.
  metadata: { omit: [], constants: {}, space_joined: ['grant_types_supported'] },
}
