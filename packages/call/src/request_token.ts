// One token request by the provider's dialect, and its answer: a TokenSet or a typed failure. RFC 6749 sections 2.3.1, 3.2, 5.
// Neither the cache nor the choice of the grant is here.
import { UnreadableAnswer } from '@countersign/protocol/dialect/codec/token_response'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import { writeBase64Text } from '@countersign/protocol/oauth/base64'
import { errorText, OAuthError } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import { encodeFormText } from '@countersign/protocol/oauth/parameters'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { ClientAuth } from './client_options.ts'
import { ConfigurationError, TokenRequestFailed } from './errors.ts'
import type { Transport } from './provider_exchange.ts'
import { exchange } from './provider_exchange.ts'

/** Where and how a provider is spoken to. */
export interface ProviderEndpoint {
  readonly url: URL
  readonly dialect: CompiledDialect
  readonly clientAuth: ClientAuth
}

export interface ClientCredentials {
  readonly clientId: string
  readonly clientSecret: string | undefined
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
): Promise<TokenSet> {
  const response = await exchange(endpoint.url, writeRequest(endpoint, credentials, parameters), transport)
  if (response.status < 200 || response.status > 299)
    throw readFailure(endpoint, response, secretsOf(credentials, parameters), transport.now())
  return readTokens(endpoint, response)
}

/** A request to one of the provider's endpoints that the client authenticates at, with exactly one method. */
export function writeRequest(
  { url, dialect, clientAuth }: ProviderEndpoint,
  { clientId, clientSecret }: ClientCredentials,
  parameters: Parameters,
): WireRequest {
  const all = new Map(parameters)
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

/** What the server meant by its refusal, without anything secret that it may have repeated. */
export function readFailure(
  { url, dialect }: ProviderEndpoint,
  response: WireResponse,
  secrets: readonly string[],
  now: number,
): TokenRequestFailed {
  const error = dialect.error.read(response)
  const description = holdsSecret([response.body, error.description], secrets)
    ? 'Its sentence repeats a credential and is left out.'
    : error.description.slice(0, MAX_DESCRIPTION)
  const retryAfter = error.retryAfter ?? secondsUntil(response.headers['retry-after'], now)
  return new TokenRequestFailed({ code: error.code, origin: url.origin, status: response.status, retryAfter, description })
}

/** Values that must not appear in anything that is shown: the client's and whatever parameters are credentials. */
export function secretsOf({ clientSecret }: ClientCredentials, parameters: Parameters): readonly string[] {
  const named = SECRET_PARAMETERS.map((name) => parameters.get(name))
  return [clientSecret, ...named].filter((value): value is string => value !== undefined && value !== '')
}

const MAX_DESCRIPTION = 300
const MAX_RETRY_AFTER = 32 * 86_400
const SECRET_PARAMETERS = ['password', 'refresh_token', 'token', 'client_secret']
/** What fits a header field and nothing else: a token with a line break would come back in an error of fetch. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/
/** RFC 6749 section 7.1: a type that is not understood is not used. The second is what some gateways write. */
const TOKEN_TYPES: ReadonlySet<string> = new Set(['bearer', 'bearertoken'])

function readTokens({ url, dialect }: ProviderEndpoint, response: WireResponse): TokenSet {
  const unreadable = (description: string): TokenRequestFailed =>
    new TokenRequestFailed({ code: 'unreadable_answer', origin: url.origin, status: response.status, description })
  let tokens: TokenSet
  try {
    tokens = dialect.tokenResponse.read(response)
  } catch (error) {
    if (error instanceof UnreadableAnswer || error instanceof OAuthError) {
      throw unreadable(`Its answer is no token response of the dialect '${dialect.name}'.`)
    }
    throw error
  }
  if (!TOKEN.test(tokens.accessToken)) throw unreadable('Its access token has characters that no header field can carry.')
  if (!TOKEN_TYPES.has(tokens.tokenType.toLowerCase())) throw unreadable('Its token_type is not Bearer, and no other is known here.')
  return tokens
}

function holdsSecret(texts: readonly string[], secrets: readonly string[]): boolean {
  // A server may repeat a value as it stood on the wire.
  const forms = secrets.flatMap((secret) => [
    secret,
    errorText(secret),
    encodeFormText(secret),
    encodeURIComponent(secret),
    ...base64Cores(secret),
    ...base64Cores(encodeFormText(secret)),
  ])
  return texts.some((text) => forms.some((form) => text.includes(form)))
}

/** What base64 makes of a text wherever it stands in a longer one, as in `client_id:client_secret`: three alignments, no padding. */
function base64Cores(text: string): readonly string[] {
  const inner = ['', 'x', 'xx'].map((before) => {
    const whole = writeBase64Text(before + text).replace(/.{0,3}=+$/, '')
    return before === '' ? whole : whole.slice(before.length + 1)
  })
  return [writeBase64Text(text).replace(/=+$/, ''), ...inner.filter((one) => one.length >= 4)]
}

/** Retry-After as an HTTP date (RFC 9110 section 10.2.3), in seconds from now, at most 32 days; the codec reads the number of seconds. */
function secondsUntil(field: string | undefined, now: number): number | undefined {
  if (field === undefined || !/^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(field)) return undefined
  const at = Date.parse(field)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(Math.ceil(at / 1000 - now), 0), MAX_RETRY_AFTER)
}
