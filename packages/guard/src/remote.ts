// The guard's ports for an API away from the issuer: keys from its JWK Set, opaque tokens by introspection (RFC 7662), both found by
// the issuer's metadata (RFC 8414, OpenID Connect Discovery) where they are not named. Bounded, without redirects, no answer kept
// but metadata and keys.

import type { KeySource } from '@countersign/protocol/jose/key_set'
import type { RemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { writeBasicAuth } from '@countersign/protocol/oauth/basic_auth'
import { writeForm } from '@countersign/protocol/oauth/parameters'
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import type { Introspection } from './ports.ts'
import { checkUrl, exchange, RemoteGuardError } from './remote_exchange.ts'

export interface RemoteGuardOptions {
  /** As in `iss`. Its metadata is asked for what is not named below. */
  readonly issuer: string
  readonly jwksUrl?: string
  readonly introspectionUrl?: string
  /** With a secret: opaque tokens are introspected as this client (`client_secret_basic`). Without: they are refused. */
  readonly clientId?: string
  readonly clientSecret?: string
  readonly fetch: typeof globalThis.fetch
  /** Milliseconds; a clock that never goes back serves best. */
  readonly nowMs: () => number
  /** True: plain http to any host, for networks that protect their traffic otherwise. */
  readonly allowHttp?: boolean
  /** For one exchange; default 5 s. */
  readonly timeoutMs?: number
  /** After metadata could not be had, until it is asked for again; default 5 s. */
  readonly cooldownMs?: number
}

export interface RemoteGuardPorts {
  readonly keys: KeySource
  readonly introspection: Introspection | undefined
  /** Fetches metadata and keys ahead of the first request. Rejects if they cannot be had. */
  prefetch(): Promise<void>
}

/** @throws TypeError for a URL that is neither https nor on loopback, or carries credentials */
export function createRemoteGuardPorts(options: RemoteGuardOptions): RemoteGuardPorts {
  for (const url of [options.issuer, options.jwksUrl, options.introspectionUrl]) if (url !== undefined) checkUrl(url, options)
  const metadata = createMetadata(options)
  const keys = createKeys(options, metadata)
  return { keys, introspection: createIntrospection(options, metadata), prefetch: () => keys.prefetch() }
}

function createKeys(options: RemoteGuardOptions, metadata: Metadata): RemoteKeySet {
  const { fetch, nowMs: now, allowHttp = false, timeoutMs = 5000, jwksUrl } = options
  const open = (url: string): RemoteKeySet => createRemoteKeySet({ url, fetch, now, allowHttp, timeoutMs })
  let keys = jwksUrl === undefined ? undefined : open(jwksUrl)
  const opened = async (): Promise<RemoteKeySet> => {
    const url = await metadata('jwks_uri')
    keys ??= open(url)
    return keys
  }
  return {
    find: (kid, alg) => (keys === undefined ? opened().then((found) => found.find(kid, alg)) : keys.find(kid, alg)),
    prefetch: async () => (keys ?? (await opened())).prefetch(),
  }
}

function createIntrospection(options: RemoteGuardOptions, metadata: Metadata): Introspection | undefined {
  const { clientId, clientSecret, introspectionUrl } = options
  if (clientId === undefined || clientSecret === undefined) return undefined
  const authorization = writeBasicAuth({ clientId, clientSecret })
  return {
    async introspect(token) {
      const url = introspectionUrl ?? (await metadata('introspection_endpoint'))
      const { answer } = await exchange(options, url, {
        method: 'POST',
        headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        body: writeForm(
          new Map([
            ['token', token],
            ['token_type_hint', 'access_token'],
          ]),
        ),
      })
      if (typeof answer['active'] !== 'boolean') throw new RemoteGuardError(`${url} answers an introspection without active`)
      return answer['active'] ? answer : undefined
    },
  }
}

/** The URL under one member of the issuer's metadata. */
type Metadata = (member: 'jwks_uri' | 'introspection_endpoint') => Promise<string>

function createMetadata(options: RemoteGuardOptions): Metadata {
  const { nowMs, cooldownMs = 5000 } = options
  let known: JsonObject | undefined
  let flight: Promise<JsonObject> | undefined
  let failure: unknown
  let retryAt = Number.NEGATIVE_INFINITY
  const load = async (): Promise<JsonObject> => {
    try {
      known = await fetchMetadata(options)
      return known
    } catch (error) {
      failure = error
      retryAt = nowMs() + cooldownMs
      throw error
    } finally {
      flight = undefined
    }
  }
  return async (member) => {
    if (known === undefined && flight === undefined && nowMs() < retryAt) throw failure
    if (known === undefined) flight ??= load()
    const found = known ?? (await flight)
    const url = found?.[member]
    if (typeof url !== 'string') throw new RemoteGuardError(`the metadata of ${options.issuer} have no ${member}`)
    return checkUrl(url, options)
  }
}

async function fetchMetadata(options: RemoteGuardOptions): Promise<JsonObject> {
  let failure: unknown
  for (const url of metadataUrls(options.issuer)) {
    try {
      const { answer: metadata } = await exchange(options, url, { headers: { accept: 'application/json' } })
      // RFC 8414 section 3.3: metadata of somebody else must not be used.
      if (metadata['issuer'] === options.issuer) return metadata
      failure = new RemoteGuardError(`${url} describes another issuer`)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** OpenID Connect Discovery section 4 appends, RFC 8414 section 3.1 inserts. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [`${origin}${path}/.well-known/openid-configuration`, `${origin}/.well-known/oauth-authorization-server${path}`]
}
