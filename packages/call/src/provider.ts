// The provider as this client sees it: its endpoints, given or discovered, and the grant that gives a token. RFC 6749 sections 4.3,
// 4.4, 6; RFC 7009 for revocation. It keeps no token.

import type { ServerMetadata } from '@countersign/protocol/oauth/metadata'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { ClientAuth, Settings } from './client_options.ts'
import { readSecret } from './client_options.ts'
import { discover } from './discover.ts'
import { ConfigurationError, TokenRequestFailed } from './errors.ts'
import type { Transport } from './provider_exchange.ts'
import { exchange } from './provider_exchange.ts'
import type { ClientCredentials, ProviderEndpoint } from './request_token.ts'
import { readFailure, requestToken, secretsOf, writeRequest } from './request_token.ts'

export interface Provider {
  /** By the refresh token if there is one, by the original grant if there is none or it is refused. */
  readonly obtain: (refreshToken: string | undefined) => Promise<TokenSet>
  /** @throws ConfigurationError if no revocation endpoint is known; TokenRequestFailed if the server refuses. */
  revoke(token: string, hint: 'access_token' | 'refresh_token'): Promise<void>
  /** Everything that shapes a token, for the cache's key. */
  shape(): Promise<readonly unknown[]>
}

export function createProvider(settings: Settings, transport: Transport): Provider {
  const { issuer, tokenUrl, dialect, parameters } = settings
  let discovered: Promise<ServerMetadata> | undefined

  const metadata = (): Promise<ServerMetadata> | undefined => {
    if (issuer === undefined || tokenUrl !== undefined) return undefined
    discovered ??= discover(issuer, transport).catch((error: unknown) => {
      discovered = undefined
      throw error
    })
    return discovered
  }

  const endpoint = async (): Promise<ProviderEndpoint> => {
    const found = await metadata()
    const url = tokenUrl ?? new URL(found?.token_endpoint ?? '')
    return { url, dialect, clientAuth: clientAuthOf(settings, found) }
  }

  const credentials = async (): Promise<ClientCredentials> => {
    const { clientId, clientSecret } = settings
    return { clientId, clientSecret: clientSecret === undefined ? undefined : await readSecret(clientSecret, 'clientSecret') }
  }

  const original = async (): Promise<ReadonlyMap<string, string>> => {
    if (settings.password === undefined) return parameters
    return new Map(parameters).set('password', await readSecret(settings.password, 'password'))
  }

  const revocationUrl = async (): Promise<URL> => {
    const found = (await metadata())?.revocation_endpoint
    const url = settings.revocationUrl ?? (found === undefined ? undefined : new URL(found))
    if (!url) throw new ConfigurationError('No revocation endpoint is known: set revocationUrl, or an issuer whose metadata names it.')
    return url
  }

  return {
    async obtain(refreshToken) {
      const [place, client] = [await endpoint(), await credentials()]
      if (refreshToken !== undefined) {
        const tokens = await refresh(place, client, refreshToken, transport)
        if (tokens) return tokens
      }
      return requestToken(place, client, await original(), transport)
    },
    async revoke(token, hint) {
      const [place, client] = [{ ...(await endpoint()), url: await revocationUrl() }, await credentials()]
      const named = new Map([
        ['token', token],
        ['token_type_hint', hint],
      ])
      const response = await exchange(place.url, writeRequest(place, client, named), transport)
      if (response.status >= 200 && response.status < 300) return
      throw readFailure(place, response, secretsOf(client, named), transport.now())
    },
    async shape() {
      const { clientId, clientSecret } = await credentials()
      return [issuer, tokenUrl?.href, dialect.document, settings.clientAuth, clientId, clientSecret, [...(await original())].sort(byName)]
    },
  }
}

/** Refusals of a refresh token after which the original grant is worth a try. */
const REFRESH_REFUSED: ReadonlySet<string> = new Set([
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
])

async function refresh(
  place: ProviderEndpoint,
  client: ClientCredentials,
  refreshToken: string,
  transport: Transport,
): Promise<TokenSet | undefined> {
  const parameters = new Map([
    ['grant_type', 'refresh_token'],
    ['refresh_token', refreshToken],
  ])
  try {
    // RFC 6749 section 6: without a new refresh token the old one goes on.
    return { refreshToken, ...(await requestToken(place, client, parameters, transport)) }
  } catch (error) {
    if (error instanceof TokenRequestFailed && REFRESH_REFUSED.has(error.code)) return undefined
    throw error
  }
}

function clientAuthOf({ clientSecret, clientAuth, dialect }: Settings, metadata: ServerMetadata | undefined): ClientAuth {
  if (clientSecret === undefined) return 'none'
  if (clientAuth !== undefined) return clientAuth
  const written = dialect.document.token_request.client_auth.filter((one) => one === 'client_secret_basic' || one === 'client_secret_post')
  const supported: unknown = metadata?.token_endpoint_auth_methods_supported
  const agreed = Array.isArray(supported) ? written.find((one) => supported.includes(one)) : undefined
  const method = agreed ?? written[0]
  if (!method) throw new ConfigurationError(`The dialect '${dialect.name}' takes no client secret: leave out the clientSecret.`)
  return method
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : Number(a > b)
}
