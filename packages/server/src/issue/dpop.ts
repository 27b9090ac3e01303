// The DPoP proof of a token request: which key the tokens will be bound to. RFC 9449 sections 4.3 and 5.
// No nonces are handed out: each proof is for one use in its minute, whichever process it reaches.
import { checkProof } from '@countersign/protocol/jose/dpop'
import { ProofError } from '@countersign/protocol/jose/proof_error'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { EndpointRequest, RealmContext } from './context.ts'
import { endpointUrls } from './endpoint_urls.ts'

/**
 * Thumbprint of the key that the request proves; null if it brings no proof. To be asked once the client is proven: a good proof is
 * used up and remembered durably.
 * @throws OAuthError invalid_dpop_proof
 */
export async function proofBinding(context: RealmContext, wire: EndpointRequest): Promise<string | null> {
  const field = wire.headers['dpop']
  if (field === undefined) return null
  const { key, name, expiresAt } = checked(context, wire, field)
  // One statement decides, so that of two requests with one proof one passes.
  const first = await context.store.replays.claim(context.realm.id, `dpop ${name}`, expiresAt)
  if (!first) throw new OAuthError('invalid_dpop_proof', 'The DPoP proof was used before: make one for each request.')
  return key.thumbprint
}

function checked(context: RealmContext, wire: EndpointRequest, field: string): ReturnType<typeof checkProof> {
  try {
    return checkProof(field, { method: wire.method, urls: urlsOf(context, wire.path), now: context.now() })
  } catch (error) {
    if (!(error instanceof ProofError)) throw error
    throw new OAuthError('invalid_dpop_proof', error.message, { cause: error })
  }
}

/**
 * The token endpoint as a client may know it: from the metadata, or at the issuer's origin or one of the realm's hosts with the path as
 * sent. The Host of the request is its sender's word and not asked.
 */
function urlsOf({ realm, dialects }: RealmContext, path: string): readonly string[] {
  const origins = [new URL(realm.issuer).origin, ...realm.hosts.map((host) => `https://${host}`)]
  return [...origins.map((origin) => origin + path), ...dialects.flatMap((dialect) => endpointUrls(realm, dialect, 'token'))]
}
