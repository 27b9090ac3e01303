// Step `token`: whether the token is the one that was meant: its issuer, audience, type, times and signature. RFC 9068 section 4.
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { readableJwt, verifyToken } from '../token_check.ts'
import { visible } from '../visible.ts'
import type { Finding, Patient } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

const STEP = 'token'

export async function examineToken({ accessToken, metadata, options, world }: Patient): Promise<readonly Finding[]> {
  if (accessToken === undefined) return []
  const jwt = readableJwt(accessToken)
  if (!jwt) return [ok(STEP, 'The token is opaque: only its issuer can say what it means.')]
  const issuer = metadata?.issuer ?? options.issuer
  const place = metadata?.jwks_uri
  const keys =
    place === undefined
      ? undefined
      : createRemoteKeySet({ url: place, fetch: world.fetch, now: () => world.now() * 1000, timeoutMs: 10_000 })
  const audience = options.audience ?? [options.resource ?? []].flat()[0]
  const checks = await verifyToken(jwt, { issuer, audience, keys, now: world.now() })
  const wrong = checks.filter(({ good }) => good === false)
  if (wrong.length === 0)
    return [
      ok(
        STEP,
        `The token is as it should be: ${checks
          .filter(({ good }) => good)
          .map(({ what }) => what)
          .join(', ')}.`,
      ),
    ]
  return wrong.map(({ what, says }) => (LENIENT.has(what) ? warn : fail)(STEP, visible(says), MENDS[what] ?? 'Tell the provider.'))
}

/** An API may take it all the same. */
const LENIENT: ReadonlySet<string> = new Set(['type', 'not before'])

const MENDS: Readonly<Record<string, string>> = {
  issuer: 'Give the API the issuer that stands in the token, or have the provider write its own.',
  audience: 'Ask for the API by --audience or --resource; the API must know itself by what stands in the token.',
  type: 'An API that is strict wants at+jwt: have the provider issue that, or the API accept this type.',
  signature: 'The provider must publish the key it signs with in its JWK Set.',
  expiry: "Compare this machine's clock with the provider's: see the step clock.",
  'not before': "Compare this machine's clock with the provider's: see the step clock.",
}
