// The integrator's client: options in, an object with `fetch`, `token`, `headers`, `quota` and what else a caller needs out. It puts the parts
// together and is the one place that names the defaults for fetch, clocks and randomness.
import { createAuthorizedFetch, readTarget } from './authorized_fetch.ts'
import type { Quota } from './budget.ts'
import type { ClientOptions } from './client_options.ts'
import { readOptions } from './client_options.ts'
import { OriginNotAllowed } from './errors.ts'
import type { On } from './events.ts'
import { createEvents } from './events.ts'
import type { Presentation } from './extensions.ts'
import { createProvider } from './provider.ts'
import { cacheKey, createMemoryCache } from './token_cache.ts'
import { createTokenSource } from './token_source.ts'

export type { ClientEvents } from './events.ts'
export type { Quota }

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
   * @param url where they will be sent: checked against `apiOrigins`. Without it, that is left to you; a DPoP proof needs it.
   * @param method of the request, for a DPoP proof; default GET.
   * @throws OriginNotAllowed, TokenRequestFailed, DiscoveryFailed; ConfigurationError without the URL that a proof needs
   */
  readonly headers: (url?: string | URL, method?: string) => Promise<Record<string, string>>
  /**
   * What is left of the token budget: asked of `usageUrl`, which costs no token, else what the last token answer said. Undefined where
   * nothing is known, as with a provider that says nothing.
   * @throws TokenRequestFailed, DiscoveryFailed if the page cannot be had and nothing was told before
   */
  readonly quota: () => Promise<Quota | undefined>
  readonly on: On
  /** Forgets this token if it is still the one held; without one everything, remembered failures and the refresh token too. */
  readonly invalidate: (accessToken?: string) => Promise<void>
  /**
   * Revokes what is held (RFC 7009), the refresh token first of all, and forgets it. Nothing held: nothing is sent.
   * @throws ConfigurationError if no revocation endpoint is known; TokenRequestFailed if the server refuses.
   */
  readonly revoke: () => Promise<void>
}

/** Where a proof and its token go, whatever the dialect says. */
const PROOF_FIELDS = ['authorization', 'dpop']

/**
 * Nothing is sent before the first token is needed.
 * @throws ConfigurationError
 */
export function createClient(options: ClientOptions): Client {
  const settings = readOptions(options)
  const { dialect, allowed, apiKey, dpop } = settings
  // Looked up at each call, so that a replaced global is honoured.
  const fetch = options.fetch ?? ((...call: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...call))
  const now = options.now ?? (() => Date.now() / 1000)
  const monotonic = options.monotonic ?? (() => performance.now())
  const random = options.random ?? Math.random
  const unique = options.unique ?? (() => crypto.randomUUID() + crypto.randomUUID())
  const transport = { fetch, now, unique, timeoutMs: options.timeoutMs ?? 10_000 }
  const provider = createProvider(settings, transport)
  const usagePage = () => import('./usage_page.ts')
  const usage = async () => settings.usageUrl && (await usagePage()).askUsage(settings.usageUrl, provider, now)
  const { on, emit } = createEvents()
  const source = createTokenSource({
    key: async () => cacheKey(await provider.shape()),
    cache: options.cache ?? createMemoryCache(),
    obtain: provider.obtain,
    usage: () => usage().catch(() => undefined),
    origin: settings.tokenUrl?.origin ?? settings.issuer ?? '',
    interactive: settings.grant?.interactive === true,
    assumedLifetime: options.assumedLifetime ?? 60,
    monotonic,
    now,
    random,
    emit,
  })
  const key = apiKey === undefined ? {} : { apiKey }
  const write: Presentation['write'] = (token) => dialect.presentation.write(token ? { token: token.accessToken, ...key } : key)
  const presentation = dpop?.presentation(transport, write) ?? { write }
  const { token: tokenCarriers, api_key: keyCarriers } = dialect.document.presentation

  return {
    fetch: createAuthorizedFetch({
      fetch,
      allowed,
      token: source.token,
      presentation,
      reject: source.reject,
      owned: [
        ...[...tokenCarriers, ...(apiKey === undefined ? [] : keyCarriers)].map((carrier) => carrier.header),
        ...(dpop ? PROOF_FIELDS : []),
      ],
      carriers: [...dialect.presentation.headers, ...PROOF_FIELDS],
    }),
    async token() {
      const { accessToken, tokenType, expiresAt, scope } = await source.token()
      return { accessToken, tokenType, expiresAt, ...(scope === undefined ? {} : { scope }) }
    },
    async headers(input, method = 'GET') {
      const url = input === undefined ? undefined : readTarget(input)
      if (url && !allowed.has(url.origin)) throw new OriginNotAllowed(url.origin)
      return { ...(await presentation.write(await source.token(), method, url)) }
    },
    quota: async () => (await usagePage()).tellQuota(source, usage, now),
    on,
    invalidate: source.invalidate,
    async revoke() {
      const held = await source.held()
      if (!held) return
      // A program does it once in its life, if ever.
      await (await import('./revocation.ts')).revokeHeld(held, settings.revocationUrl, provider)
      await source.invalidate()
    },
  }
}
