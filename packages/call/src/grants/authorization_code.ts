// The authorization code grant with PKCE S256: a human says yes in his browser and is sent back with a code. RFC 6749 section 4.1, 7636, 9207.
// How he gets there and how the redirect is caught is the caller's; here are the URL, the secrets of one transaction, and the checks.
import { sha256Of } from '@countersign/protocol/jose/web_bytes'
import { ConfigurationError, TokenRequestFailed } from '../errors.ts'
import type { GrantSource, GrantWorld } from '../extensions.ts'
import { metadataEndpoint } from '../metadata_endpoint.ts'

export interface AuthorizationCodeOptions {
  /** Exactly as registered; of a loopback address the port may differ (RFC 8252 section 7.3). */
  readonly redirectUri: string | (() => string | Promise<string>)
  /** Sends the human to `url` and gives the whole URL he was sent back to. */
  readonly authorize: (url: URL) => Promise<string | URL>
  /** Default: `authorization_endpoint` of the issuer's metadata. */
  readonly authorizationUrl?: string
  /** Further parameters of the authorization request, for instance `prompt`. */
  readonly request?: Readonly<Record<string, string>>
  /** A name for whose token it is, where several humans share a cache. */
  readonly subject?: string
}

/** @throws (its requests) TokenRequestFailed `authorization_refused`; ConfigurationError */
export function authorizationCode(options: AuthorizationCodeOptions): GrantSource {
  const { authorize, authorizationUrl, request = {}, subject = '' } = options
  return {
    name: 'authorization_code',
    interactive: true,
    shape: [subject, request],
    async parameters(world) {
      const redirectUri = typeof options.redirectUri === 'string' ? options.redirectUri : await options.redirectUri()
      const url = await metadataEndpoint(world, 'authorization_endpoint', authorizationUrl)
      const [state, verifier] = [world.unique(), world.unique()]
      await write(url, world, request, { redirect_uri: redirectUri, state, code_challenge: await sha256Of(verifier) })
      const code = await readRedirect(await authorize(url), { redirectUri, state, world, origin: url.origin })
      return new Map([
        ['grant_type', 'authorization_code'],
        ['code', code],
        ['redirect_uri', redirectUri],
        ['code_verifier', verifier],
      ])
    },
  }
}

const OWN = ['response_type', 'client_id', 'redirect_uri', 'state', 'code_challenge', 'code_challenge_method']

async function write(url: URL, world: GrantWorld, request: Readonly<Record<string, string>>, own: Record<string, string>): Promise<void> {
  const methods = await world.metadata('code_challenge_methods_supported')
  if (Array.isArray(methods) && !methods.includes('S256')) {
    throw new ConfigurationError('The provider does not know PKCE by S256, and without it a stolen code is as good as ours.')
  }
  for (const [name, value] of Object.entries(request)) {
    if (OWN.includes(name)) throw new ConfigurationError(`request.${name} is set by the grant itself.`)
    url.searchParams.set(name, value)
  }
  for (const [name, value] of world.asked) {
    // The only one that may come several times.
    if (name !== 'resource') url.searchParams.set(name, value)
    else for (const one of value.split(' ')) url.searchParams.append(name, one)
  }
  const fixed = { response_type: 'code', client_id: world.clientId, code_challenge_method: 'S256', ...own }
  for (const [name, value] of Object.entries(fixed)) url.searchParams.set(name, value)
}

interface Expected {
  readonly redirectUri: string
  readonly state: string
  readonly world: GrantWorld
  readonly origin: string
}

/** The code; nothing of an answer that is not proved to be ours gets into the error. */
async function readRedirect(answer: string | URL, { redirectUri, state, world, origin }: Expected): Promise<string> {
  const refuse = (description: string, serverCode?: string): TokenRequestFailed =>
    new TokenRequestFailed({ code: 'authorization_refused', origin, serverCode, description })
  const text = String(answer)
  const [url, expected] = [URL.canParse(text) ? new URL(text) : undefined, new URL(redirectUri)]
  if (!url || url.origin !== expected.origin || url.pathname !== expected.pathname)
    throw refuse('What came back is not the redirect that was asked for.')
  const only = (name: string): string | undefined => {
    const values = url.searchParams.getAll(name)
    if (values.length > 1) throw refuse(`The redirect has the parameter ${name} more than once.`)
    return values[0]
  }
  if (only('state') !== state) throw refuse('The redirect has not the state of this transaction: it may be an attack, begin anew.')
  const iss = only('iss')
  const promised = (await world.metadata('authorization_response_iss_parameter_supported')) === true
  if ((iss !== undefined || promised) && iss !== (world.issuer ?? iss))
    throw refuse('The redirect is from another issuer than the one asked: it may be a mix-up attack.')
  const error = only('error')
  if (error !== undefined) {
    const word = /^[a-z_]{1,40}$/.test(error) ? error : undefined
    throw refuse(word === undefined ? 'The provider refused.' : `The provider refused: ${word}.`, word)
  }
  const code = only('code')
  if (code === undefined || !/^[\x20-\x7e]{1,4096}$/.test(code)) throw refuse('The redirect has no usable code.')
  return code
}
