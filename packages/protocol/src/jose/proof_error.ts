// Why a DPoP proof is refused, one code for each check of RFC 9449 section 4.3. It knows no OAuth codes and no HTTP status.

/**
 * `repeated`       the header DPoP comes more than once
 * `malformed`      it is no JWT, or too long
 * `wrong_type`     `typ` is not `dpop+jwt`
 * `unsupported`    `alg` is none of PROOF_ALGORITHMS
 * `bad_key`        `jwk` is missing, private, or no key for that `alg`
 * `bad_claims`     a claim is missing or not of its type
 * `bad_signature`  the signature is not that key's
 * `wrong_method`   `htm` is not the request's method
 * `wrong_url`      `htu` is none of the request's URLs
 * `wrong_nonce`    `nonce` is not the one handed out
 * `expired`        `iat` is too long ago
 * `not_yet_valid`  `iat` lies in the future
 * `wrong_token`    `ath` is not the hash of the access token
 * `wrong_key`      the token is bound to another key
 * `replayed`       the proof was used before: the caller says so, who remembers
 */
export type ProofErrorCode =
  | 'repeated'
  | 'malformed'
  | 'wrong_type'
  | 'unsupported'
  | 'bad_key'
  | 'bad_claims'
  | 'bad_signature'
  | 'wrong_method'
  | 'wrong_url'
  | 'wrong_nonce'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_token'
  | 'wrong_key'
  | 'replayed'

/** Why a proof is refused. `message` is one sentence fit for its sender; it never contains any part of the proof. */
export class ProofError extends Error {
  override readonly name = 'ProofError'
  readonly code: ProofErrorCode

  constructor(code: ProofErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
