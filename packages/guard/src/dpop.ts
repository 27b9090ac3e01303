// The proof beside a token that is bound to a key: RFC 9449 section 7. Knows the URLs this API is reached under and the proofs already
// seen; the token itself is bearer.ts's, the check of the proof the protocol's.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { CheckedProof } from '@countersign/protocol/jose/dpop'
import { checkProof } from '@countersign/protocol/jose/dpop'
import { ProofError } from '@countersign/protocol/jose/proof_error'
import { normalTargetUri } from '@countersign/protocol/jose/target_uri'
import type { VerifiedToken } from './bearer.ts'
import type { Replays } from './ports.ts'
import type { TokenRefusal } from './token_rules.ts'
import { refusal } from './token_rules.ts'

export interface DpopOptions {
  /** Absolute, at least one. */
  readonly baseUrls: readonly string[]
  readonly replays: Replays
  /** Epoch seconds. */
  readonly now: () => number
}

/** Why a request by the scheme DPoP is refused. */
export interface ProofRefusal {
  readonly code: 'invalid_dpop_proof'
  readonly detail: string
  readonly reason: string
}

/** The parts of a request that a proof is for. */
export interface ProvenRequest {
  readonly method: string
  /** Read before, and found to have one reading only. */
  readonly path: string
  readonly headers: IncomingFields
}

export interface Dpop {
  /** Undefined: the request is proven, and its proof used up. Throws or rejects what is not the request's fault. */
  check(request: ProvenRequest, token: string, verified: VerifiedToken): Refused | Promise<Refused>
}

type Refused = ProofRefusal | TokenRefusal | undefined

/** @throws TypeError for a base URL that cannot be */
export function createDpop({ baseUrls, replays, now }: DpopOptions): Dpop {
  const bases = baseUrls.map(readBase)
  const claim = (proof: CheckedProof): Refused | Promise<Refused> => {
    const first = replays.claim(proof.name, proof.expiresAt)
    return first instanceof Promise ? first.then(refusedUnless) : refusedUnless(first)
  }
  return {
    check({ method, path, headers }, text, verified) {
      const field = headers[PROOF_HEADER]
      const { binding } = verified
      if (field === undefined) return proofRefusal('missing', 'The scheme DPoP wants a proof in the header DPoP.')
      if (binding === null) return refusal('not_bound', 'The token is not bound to a key: present it by the scheme Bearer.')
      try {
        const token = { text, binding }
        const proof = checkProof(field, { method, urls: urlsOf(bases, path), now: now(), token, known: verified.proofKey })
        verified.proofKey = proof.key
        return claim(proof)
      } catch (error) {
        if (!(error instanceof ProofError)) throw error
        // RFC 9449 section 7.1: the key is the token's matter. A client that gets a new token has it bound to the key it has now.
        return error.code === 'wrong_key' ? refusal('wrong_key', error.message) : proofRefusal(error.code, error.message)
      }
    },
  }
}

/** Lower case. */
export const PROOF_HEADER = 'dpop'

function refusedUnless(first: boolean): Refused {
  return first ? undefined : proofRefusal('replayed', 'The DPoP proof was used before: make one for each request.')
}

function proofRefusal(reason: string, detail: string): ProofRefusal {
  return { code: 'invalid_dpop_proof', detail, reason: `proof_${reason}` }
}

/** Without the slash at its end. */
function readBase(url: string): string {
  const normal = /[?#]/.test(url) ? undefined : normalTargetUri(url)
  if (normal === undefined) throw new TypeError(`a base URL of an API must be like https://api.example.com, not ${JSON.stringify(url)}`)
  return normal.replace(/\/$/, '')
}

function urlsOf(bases: readonly string[], path: string): readonly string[] {
  const question = path.indexOf('?')
  const bare = question < 0 ? path : path.slice(0, question)
  // A mount's own URL may be written without the slash that its root has behind it.
  return bases.flatMap((base) => (bare === '/' ? [base, `${base}/`] : [base + bare]))
}
