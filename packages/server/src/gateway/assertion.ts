// What an upstream is told of the caller: the identity headers, and, where it wants to know that it was not bypassed, a JWT that says the
// same, signed with the realm's key for that upstream alone (RFC 7519; its typ is no access token's, RFC 8725 section 3.11).
import { identityHeaders } from '@countersign/guard/identity'
import type { Principal } from '@countersign/guard/verdict'
import type { Signer } from '@countersign/protocol/jose/jws'

export const ASSERTION_HEADER = 'x-countersign-assertion'
const ASSERTION_TYP = 'countersign-identity+jwt'

/** Seconds. */
const LIFETIME = 60

export interface AssertionOptions {
  readonly issuer: string
  /** Origin of the upstream: one that is not meant must not take it. */
  readonly audience: string
  readonly signer: () => Signer | Promise<Signer>
  /** The signature of `input`. */
  readonly sign: (signer: Signer, input: string) => Promise<string>
  readonly id: () => string
  /** Epoch seconds. */
  readonly now: () => number
}

/** At once for a caller seen in the last half minute. */
export type Assertions = (principal: Principal) => string | Promise<string>

/** Signed once in half its life for each principal: all requests with one token share theirs, so that it costs nothing by request. */
export function createAssertions(options: AssertionOptions): Assertions {
  const kept = new WeakMap<Principal, { text: string | Promise<string>; readonly until: number }>()
  return (principal) => {
    const now = options.now()
    const known = kept.get(principal)
    if (known !== undefined && now < known.until) return known.text
    const text = write(options, principal, now)
    const entry: { text: string | Promise<string>; readonly until: number } = { text, until: now + LIFETIME / 2 }
    kept.set(principal, entry)
    text.then(
      (signed) => {
        entry.text = signed
      },
      () => kept.get(principal) === entry && kept.delete(principal),
    )
    return text
  }
}

/** Who wants none is told by headers alone. */
export interface IdentityTarget {
  readonly guarded: { readonly assertion?: Assertions | undefined }
}

/** Fields for the upstream, `[name, value, name, value ...]`: every identity header, and the assertion if the API wants one. Rejects if it cannot be signed. */
export function identityFields({ guarded }: IdentityTarget, principal: Principal): readonly string[] | Promise<readonly string[]> {
  const fields = identityOf(principal)
  const assertion = guarded.assertion?.(principal)
  if (assertion === undefined) return fields
  const withAssertion = (text: string): readonly string[] => [...fields, ASSERTION_HEADER, text]
  return typeof assertion === 'string' ? withAssertion(assertion) : assertion.then(withAssertion)
}

/** By principal: all requests with one token and key share theirs. */
const known = new WeakMap<Principal, readonly string[]>()

function identityOf(principal: Principal): readonly string[] {
  const before = known.get(principal)
  if (before !== undefined) return before
  const fields = Object.freeze(Object.entries(identityHeaders(principal)).flat())
  known.set(principal, fields)
  return fields
}

async function write(options: AssertionOptions, principal: Principal, now: number): Promise<string> {
  const { issuer, audience } = options
  const signer = await options.signer()
  const { exp } = principal.claims
  const claims = {
    iss: issuer,
    aud: audience,
    iat: now,
    // Never beyond the token that it speaks of.
    exp: typeof exp === 'number' ? Math.min(now + LIFETIME, Math.ceil(exp)) : now + LIFETIME,
    jti: options.id(),
    realm: principal.realm,
    // Members that are undefined are left out.
    sub: principal.subject,
    client_id: principal.clientId,
    scope: principal.scope.length > 0 ? principal.scope.join(' ') : undefined,
    api_key: principal.apiKeyId,
  }
  const input = `${signer.header(ASSERTION_TYP)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${input}.${await options.sign(signer, input)}`
}
