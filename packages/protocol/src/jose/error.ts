// The one error of the JOSE layer: why a key or a token was refused. It knows no OAuth codes and no HTTP status.

/**
 * `malformed`        the token or key cannot be read at all
 * `unsupported`      readable, but asks for something this layer does not do (an algorithm, `crit`, encryption)
 * `unknown_key`      no key of the issuer has that `kid` and algorithm
 * `bad_signature`    the signature is not that key's
 * `expired`          `exp` has passed, or the token lives longer than allowed
 * `not_yet_valid`    `nbf` or `iat` lies in the future
 * `wrong_issuer`     `iss` is not the expected issuer
 * `wrong_audience`   `aud` names none of the expected audiences
 * `wrong_type`       header `typ` is not one of the expected types
 * `bad_claims`       a claim is missing, of the wrong type, or not the required value
 * `key_unavailable`  the keys cannot be had now: the caller should answer 503, never 401
 */
export type JoseErrorCode =
  | 'malformed'
  | 'unsupported'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'not_yet_valid'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'wrong_type'
  | 'bad_claims'
  | 'key_unavailable'

/** `message` is one sentence fit for a caller: it never contains any part of the token or of a key. */
export class JoseError extends Error {
  override readonly name = 'JoseError'
  readonly code: JoseErrorCode

  constructor(code: JoseErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
