// Keys of others at URLs the operator has configured: clients' JWK Sets (private_key_jwt), trusted issuers' (jwt-bearer). One cache a URL.
import type { JoseError } from '@countersign/protocol/jose/error'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import type { RemoteKeySetOptions } from '@countersign/protocol/jose/remote_key_set'
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'

export interface TrustedKeys {
  /** The keys at a URL of the configuration; fetched when first asked. */
  at(url: string): KeySource
}

/** More URLs than that, and the oldest is forgotten. */
const MOST_URLS = 1000

export interface TrustedKeysOptions extends Pick<RemoteKeySetOptions, 'fetch' | 'now'> {
  /** Told of each fetch that failed: those who ask get 503, or go on with older keys. */
  readonly onFailure: (url: string, error: JoseError) => void
}

export function createTrustedKeys({ onFailure, ...options }: TrustedKeysOptions): TrustedKeys {
  const sources = new Map<string, KeySource>()
  return {
    at(url) {
      const known = sources.get(url)
      if (known) return known
      if (sources.size >= MOST_URLS) for (const oldest of [...sources.keys()].slice(0, 1)) sources.delete(oldest)
      const made = createRemoteKeySet({ ...options, url, onFailure: (error) => onFailure(url, error) })
      sources.set(url, made)
      return made
    },
  }
}
