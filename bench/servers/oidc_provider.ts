// The peer oidc-provider: client_credentials, JWT access tokens for one resource, its own in-memory adapter, no other feature.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { AUDIENCE, CLIENT_ID, CLIENT_SECRET, LIFETIME } from './asked.ts'
import { announce, peerKey } from './peer_process.ts'

const { algorithm, jwk } = peerKey()
const ISSUER = 'http://127.0.0.1/oidc-provider'

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: algorithm,
    },
  ],
  clientAuthMethods: ['client_secret_post'],
  enabledJWA: { idTokenSigningAlgValues: [algorithm] },
  jwks: { keys: [jwk] },
  ttl: { ClientCredentials: LIFETIME },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      getResourceServerInfo: () => ({
        scope: '',
        audience: AUDIENCE,
        accessTokenTTL: LIFETIME,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
})

const server = createServer(provider.callback())
server.listen(0, '127.0.0.1', () => announce(server))
