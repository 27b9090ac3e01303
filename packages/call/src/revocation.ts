// Revokes what is held, the refresh token first: RFC 7009. It forgets nothing; that is token_source.ts's.
import { ConfigurationError, TokenRequestFailed } from './errors.ts'
import type { Provider } from './provider.ts'
import type { HeldToken } from './token_cache.ts'

/**
 * @param configured the endpoint, where the options name one
 * @throws ConfigurationError if no revocation endpoint is known; TokenRequestFailed if the server refuses; DiscoveryFailed
 */
export async function revokeHeld(
  { accessToken, refreshToken }: Pick<HeldToken, 'accessToken' | 'refreshToken'>,
  configured: URL | undefined,
  { metadata, post }: Pick<Provider, 'metadata' | 'post'>,
): Promise<void> {
  const found = configured ? undefined : (await metadata())?.revocation_endpoint
  const url = configured ?? (found === undefined ? undefined : new URL(found))
  if (!url) throw new ConfigurationError('No revocation endpoint is known: set revocationUrl, or an issuer whose metadata names it.')
  const revoke = (token: string, hint: 'access_token' | 'refresh_token') =>
    post(
      url,
      new Map([
        ['token', token],
        ['token_type_hint', hint],
      ]),
    )
  if (refreshToken !== undefined) await revoke(refreshToken, 'refresh_token')
  try {
    await revoke(accessToken, 'access_token')
  } catch (error) {
    // RFC 7009 section 2.2.1: some revoke refresh tokens only, and that is done.
    const enough = refreshToken !== undefined && error instanceof TokenRequestFailed && error.code === 'unsupported_token_type'
    if (!enough) throw error
  }
}
