// The integrator's client: options in, an object with `fetch`, `token`, `headers`, `invalidate` and `revoke` out. It puts the parts
// together and is the one place that names the defaults for fetch, clocks and randomness.
import { createAuthorizedFetch, readTarget } from './authorized_fetch.ts'
import type { ClientOptions } from './client_options.ts'
import { readOptions } from './client_options.ts'
import { OriginNotAllowed } from './errors.ts'
import { createProvider } from './provider.ts'
import { cacheKey, createMemoryCache } from './token_cache.ts'
import { createTokenSource } from './token_source.ts'

export interface AccessToken {
  readonly accessToken: string
  readonly tokenType: string
  /** Epoch seconds, by this machine's clock. */
  readonly expiresAt: number
  /** What was granted, where the server said it. */
  readonly scope?: readonly string[]
}

export interface Client {
  /**
   * Like the global `fetch`, with the credentials in the dialect's headers. Only URLs of `apiOrigins` are taken; redirects are
   * followed (5 at most), off these origins without credentials. A 401 with `error="invalid_token"` is tried once more with a new
   * token, unless the body was a stream. The caller's own copies of the credential headers are replaced.
   * @throws OriginNotAllowed, RedirectRefused, TokenRequestFailed, DiscoveryFailed, and what fetch throws.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /**
   * A token that has not ended: the one held while it is good, one request for any number of callers when it is not.
   * @throws TokenRequestFailed, DiscoveryFailed
   */
  readonly token: () => Promise<AccessToken>
  /**
   * The header fields to show to the API, in lower case, for programs that do not call `fetch`.
   * @param url where they will be sent: checked against `apiOrigins`. Without it, that is left to you.
   * @throws OriginNotAllowed, TokenRequestFailed, DiscoveryFailed
   */
  readonly headers: (url?: string | URL) => Promise<Record<string, string>>
  /** Forgets this token if it is still the one held; without one everything, remembered failures and the refresh token too. */
  readonly invalidate: (accessToken?: string) => Promise<void>
  /**
   * Revokes what is held (RFC 7009), the refresh token first of all, and forgets it. Nothing held: nothing is sent.
   * @throws ConfigurationError if no revocation endpoint is known; TokenRequestFailed if the server refuses.
   */
  readonly revoke: () => Promise<void>
}

/**
 * Nothing is sent before the first token is needed.
 * @throws ConfigurationError
 */
export function createClient(options: ClientOptions): Client {
  const settings = readOptions(options)
  const { dialect, allowed, apiKey } = settings
  // Looked up at each call, so that a replaced global is honoured.
  const fetch = options.fetch ?? ((...call: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...call))
  const now = options.now ?? (() => Date.now() / 1000)
  const monotonic = options.monotonic ?? (() => performance.now())
  const random = options.random ?? Math.random
  const provider = createProvider(settings, { fetch, now, timeoutMs: options.timeoutMs ?? 10_000 })
  const source = createTokenSource({
    key: async () => cacheKey(await provider.shape()),
    cache: options.cache ?? createMemoryCache(),
    obtain: provider.obtain,
    assumedLifetime: options.assumedLifetime ?? 60,
    monotonic,
    now,
    random,
  })
  const present = (token: string): Record<string, string> =>
    dialect.presentation.write(apiKey === undefined ? { token } : { token, apiKey })
  const { token: tokenCarriers, api_key: keyCarriers } = dialect.document.presentation

  return {
    fetch: createAuthorizedFetch({
      fetch,
      allowed,
      token: source.token,
      present,
      reject: source.reject,
      owned: [...tokenCarriers, ...(apiKey === undefined ? [] : keyCarriers)].map((carrier) => carrier.header),
      carriers: dialect.presentation.headers,
    }),
    async token() {
      const { accessToken, tokenType, expiresAt, scope } = await source.token()
      return { accessToken, tokenType, expiresAt, ...(scope === undefined ? {} : { scope }) }
    },
    async headers(url) {
      const origin = url === undefined ? undefined : readTarget(url).origin
      if (origin !== undefined && !allowed.has(origin)) throw new OriginNotAllowed(origin)
      return present((await source.token()).accessToken)
    },
    invalidate: source.invalidate,
    async revoke() {
      const held = await source.held()
      if (!held) return
      if (held.refreshToken !== undefined) await provider.revoke(held.refreshToken, 'refresh_token')
      await provider.revoke(held.accessToken, 'access_token')
      await source.invalidate()
    },
  }
}
