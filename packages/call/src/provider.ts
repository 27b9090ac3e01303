// The provider as this client sees it: its endpoints, given or discovered, and the grant that gives a token. RFC 6749 sections 4.3,
// 4.4, 6; RFC 7009 for revocation. It keeps no token.

import type { WireResponse } from '@countersign/protocol/dialect/message'
import type { ServerMetadata } from '@countersign/protocol/oauth/metadata'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { Budget } from './budget.ts'
import type { ClientAuth, Settings } from './client_options.ts'
import { readSecret } from './client_options.ts'
import { ConfigurationError, TokenRequestFailed } from './errors.ts'
import type { GrantWorld, World } from './extensions.ts'
import type { Transport } from './provider_exchange.ts'
import { exchange } from './provider_exchange.ts'
import type { ClientCredentials, ProviderEndpoint } from './request_token.ts'
import { failureOf, requestToken, writeRequest } from './request_token.ts'
import type { TokenSourceOptions } from './token_source.ts'

export interface Provider {
  /** By the refresh token if there is one, by the original grant if there is none or it is refused. See TokenSourceOptions.obtain. */
  readonly obtain: TokenSourceOptions['obtain']
  /** An authenticated POST that is no token request. @throws TokenRequestFailed */
  readonly post: (url: URL, named: Parameters) => Promise<WireResponse>
  /** Undefined where there is no issuer to ask. @throws DiscoveryFailed */
  readonly metadata: () => Promise<ServerMetadata | undefined>
  /** Everything that shapes a token, for the cache's key. */
  shape(): Promise<readonly unknown[]>
}

export function createProvider(settings: Settings, transport: Transport & World): Provider {
  const { issuer, tokenUrl, dialect, parameters, grant, assertion, dpop, clientId } = settings
  let discovered: Promise<ServerMetadata> | undefined

  const metadata = async (): Promise<ServerMetadata | undefined> => {
    if (issuer === undefined) return undefined
    discovered ??= import('./discover.ts')
      .then(({ discover }) => discover(issuer, transport))
      .catch((error: unknown) => {
        discovered = undefined
        throw error
      })
    return discovered
  }

  const endpoint = async (): Promise<ProviderEndpoint> => {
    const found = tokenUrl ? undefined : await metadata()
    return { url: tokenUrl ?? new URL(found?.token_endpoint ?? ''), dialect, clientAuth: clientAuthOf(settings, found) }
  }

  const credentials = async ({ url }: ProviderEndpoint): Promise<ClientCredentials> => {
    const secret = settings.clientSecret
    const clientSecret = secret === undefined ? undefined : await readSecret(secret, 'clientSecret')
    if (!assertion) return { clientId, clientSecret }
    const jwt = await assertion.assertion(clientId, issuer ?? url.href, transport)
    return {
      clientId,
      clientSecret,
      assertion: new Map([
        ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
        ['client_assertion', jwt],
      ]),
    }
  }

  /** The client's own parameters, without asking anybody but the password's source. */
  const own = async (): Promise<Parameters> =>
    settings.password === undefined ? parameters : new Map(parameters).set('password', await readSecret(settings.password, 'password'))

  const post = async (url: URL, named: Parameters): Promise<WireResponse> => {
    const place = await endpoint()
    const client = await credentials(place)
    const target = { ...place, url }
    const response = await exchange(target.url, writeRequest(target, client, named), transport)
    if (response.status >= 200 && response.status < 300) return response
    throw await failureOf(target, response, client, named, transport)
  }

  /** One token request; a second one where the server wants its nonce in the proof. RFC 9449 section 8. */
  const ask = async (named: Parameters, hear: Hear, repeated = false): Promise<TokenSet> => {
    const place = await endpoint()
    const proven = { method: 'POST', url: place.url }
    const proof = await dpop?.prove(proven, transport)
    const told = { nonce: false }
    const heard = async ({ status, headers }: WireResponse): Promise<void> => {
      if (headers['ratelimit'] !== undefined) {
        const budget = (await import('./budget.ts')).budgetOfFields(headers, transport.now())
        if (budget) hear(budget)
      }
      told.nonce = dpop?.learn(proven, { status, headers }) === true
    }
    try {
      return await requestToken(place, await credentials(place), named, transport, { proof, heard })
    } catch (error) {
      if (!told.nonce || repeated) throw error
    }
    return ask(named, hear, true)
  }

  const world: GrantWorld = {
    now: transport.now,
    unique: transport.unique,
    clientId,
    asked: new Map([...parameters].filter(([name]) => name !== 'grant_type')),
    issuer,
    metadata: async (member) => (await metadata())?.[member],
    post,
  }

  const askByGrant = async (named: Parameters, hear: Hear): Promise<TokenSet> => {
    try {
      // RFC 6749 section 6: without a new refresh token the old one goes on.
      return withRefreshToken(await ask(named, hear), named.get('refresh_token'))
    } catch (error) {
      if (!(error instanceof TokenRequestFailed) || !(await grant?.again?.(error, named))) throw error
    }
    return askByGrant(named, hear)
  }

  const original = async (hear: Hear): Promise<TokenSet> => askByGrant(grant ? await grant.parameters(world) : await own(), hear)

  const refresh = async (refreshToken: string, hear: Hear): Promise<TokenSet | undefined> => {
    const named = new Map([
      ['grant_type', 'refresh_token'],
      ['refresh_token', refreshToken],
    ])
    try {
      return withRefreshToken(await ask(named, hear), refreshToken)
    } catch (error) {
      if (error instanceof TokenRequestFailed && REFRESH_REFUSED.has(error.code)) return undefined
      throw error
    }
  }

  return {
    async obtain(refreshToken, hear) {
      const refreshed = refreshToken === undefined ? undefined : await refresh(refreshToken, hear)
      return refreshed ? { tokens: refreshed, how: 'refreshed' } : { tokens: await original(hear), how: 'new' }
    },
    post,
    metadata,
    async shape() {
      // Of the dialect only what asks and reads: how a token is shown did not shape it.
      const { presentation: _shown, ...spoken } = dialect.document
      const secret = settings.clientSecret === undefined ? undefined : await readSecret(settings.clientSecret, 'clientSecret')
      const named = await own()
      const shape = typeof grant?.shape === 'function' ? await grant.shape() : grant?.shape
      return [
        [issuer, tokenUrl?.href, dialect.name, spoken, settings.clientAuth, clientId, secret],
        [...(named.has('password') ? await (await import('./slow_digest.ts')).disguised(named, [issuer, tokenUrl, clientId]) : named)].sort(
          byName,
        ),
        [shape, await assertion?.identity(), await dpop?.thumbprint()],
      ]
    },
  }
}

type Hear = (budget: Budget) => void

/** Refusals of a refresh token after which the original grant is worth a try. */
const REFRESH_REFUSED: ReadonlySet<string> = new Set([
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
])

function withRefreshToken(tokens: TokenSet, refreshToken: string | undefined): TokenSet {
  return refreshToken === undefined ? tokens : { refreshToken, ...tokens }
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
