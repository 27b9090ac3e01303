// A signing key of a realm's key ring, as stored: the private half sealed if the operator gave a master key.
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import type { PublicJwk } from '@countersign/protocol/jose/jwk'

export interface SigningKey {
  readonly kid: string
  readonly realmId: string
  readonly algorithm: AlgorithmName
  readonly publicJwk: PublicJwk
  /** `plain:<JSON JWK>` or `sealed:v1:<base64url>` (AES-256-GCM under the master key, bound to realm and kid). */
  readonly privateKey: string
  /** Epoch seconds: when it was made, and so published. */
  readonly createdAt: number
  /** Epoch seconds: signs from then on. */
  readonly activeAt: number
  /** Epoch seconds: signs no more, still verifies; null: no end yet. */
  readonly retiredAt: number | null
}
