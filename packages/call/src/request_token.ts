// One token request by the provider's dialect, and its answer: a TokenSet or a typed failure. RFC 6749 sections 2.3.1, 3.2, 5.
// Neither the cache nor the choice of the grant is here.
import type { ClientDialect } from '@countersign/protocol/dialect/client'
import { UnreadableAnswer } from '@countersign/protocol/dialect/codec/token_response'
import type { WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { ClientAuth } from './client_options.ts'
import { ConfigurationError, TokenRequestFailed } from './errors.ts'
import type { Transport } from './provider_exchange.ts'
import { exchange } from './provider_exchange.ts'
import { isShowable } from './token_cache.ts'

/** Where and how a provider is spoken to. */
export interface ProviderEndpoint {
  readonly url: URL
  readonly dialect: ClientDialect
  readonly clientAuth: ClientAuth
}

export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string | undefined
  /** `client_assertion` and its type, in place of a secret. */
  readonly assertion?: Parameters | undefined
}

/** What goes along with one request, and what is listened for in its answer. */
export interface Along {
  /** Fields that prove a key (DPoP); with them, tokens of that type are taken. */
  readonly proof?: Readonly<Record<string, string>> | undefined
  readonly heard?: (answer: WireResponse) => Promise<void>
}

/**
 * @param parameters in canonical words: `grant_type` and what belongs to it.
 * @throws TokenRequestFailed; ConfigurationError if the dialect has no words for the request.
 */
export async function requestToken(
  endpoint: ProviderEndpoint,
  credentials: ClientCredentials,
  parameters: Parameters,
  transport: Transport,
  { proof, heard }: Along = {},
): Promise<TokenSet> {
  const written = writeRequest(endpoint, credentials, parameters)
  const response = await exchange(endpoint.url, { ...written, headers: { ...written.headers, ...proof } }, transport)
  await heard?.(response)
  if (response.status < 200 || response.status > 299) throw await failureOf(endpoint, response, credentials, parameters, transport)
  return readTokens(endpoint, response, proof !== undefined)
}

/** A request to one of the provider's endpoints that the client authenticates at, with exactly one method. */
export function writeRequest(
  { url, dialect, clientAuth }: ProviderEndpoint,
  { clientId, clientSecret, assertion = NONE }: ClientCredentials,
  parameters: Parameters,
): WireRequest {
  const all = new Map([...parameters, ...assertion])
  const basic = clientAuth === 'client_secret_basic' && clientSecret !== undefined ? { clientId, clientSecret } : undefined
  if (!basic) {
    all.set('client_id', clientId)
    if (clientAuth === 'client_secret_post' && clientSecret !== undefined) all.set('client_secret', clientSecret)
  }
  try {
    return dialect.tokenRequest.write(basic ? { parameters: all, basic } : { parameters: all }, url.pathname)
  } catch (error) {
    if (error instanceof TypeError) throw new ConfigurationError(`The dialect '${dialect.name}' cannot say this request: ${error.message}.`)
    throw error
  }
}

/** See token_failure.ts: loaded when the first one comes. */
export async function failureOf(
  endpoint: ProviderEndpoint,
  response: WireResponse,
  credentials: ClientCredentials,
  parameters: Parameters,
  { now }: Pick<Transport, 'now'>,
): Promise<TokenRequestFailed> {
  const { readFailure, secretsOf } = await import('./token_failure.ts')
  return readFailure(endpoint, response, secretsOf(credentials, parameters), now())
}

const NONE: Parameters = new Map()
/** RFC 6749 section 7.1: a type that is not understood is not used. The second is what some gateways write. */
const TOKEN_TYPES: ReadonlySet<string> = new Set(['bearer', 'bearertoken'])

function readTokens({ url, dialect }: ProviderEndpoint, response: WireResponse, bound: boolean): TokenSet {
  const unreadable = (description: string): TokenRequestFailed =>
    new TokenRequestFailed({ code: 'unreadable_answer', origin: url.origin, status: response.status, description })
  let tokens: TokenSet
  try {
    tokens = dialect.tokenResponse.read(response)
  } catch (error) {
    if (error instanceof UnreadableAnswer) throw unreadable(`Its answer is no token response of the dialect '${dialect.name}'.`)
    throw error
  }
  if (!isShowable(tokens.accessToken)) throw unreadable('Its access token has characters that no header field can carry.')
  const type = tokens.tokenType.toLowerCase()
  if (!TOKEN_TYPES.has(type) && !(bound && type === 'dpop')) throw unreadable('Its token_type is not Bearer, and no other was asked for.')
  return tokens
}
