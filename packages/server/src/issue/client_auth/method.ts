// What a client authentication method is: it recognises credentials in a token request, and proves them for one client.
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { RegisteredClaims } from '@countersign/protocol/jose/claims_check'
import type { Expectations, UnverifiedJwt } from '@countersign/protocol/jose/jwt'
import type { Client, ClientAuthMethod } from '../../model/client.ts'
import type { RealmContext } from '../context.ts'

export interface ClientAuth {
  /**
   * The credentials, if the request presents any of this kind.
   * @throws OAuthError for credentials that cannot be read, whoever's they are.
   */
  readonly present: (request: TokenRequest) => Presented | undefined
}

/** Credentials of one method, as a request presents them. */
export interface Presented {
  readonly method: ClientAuthMethod
  /** The client they say they are of. */
  readonly clientId: string
  /**
   * Whether they are that client's.
   * @param client undefined: unknown; a secret is compared all the same, so that nobody can tell.
   * @param allowed whether the client may use this method here: for one that may not nothing is fetched or remembered.
   */
  readonly prove: (context: RealmContext, client: Client | undefined, allowed: boolean) => Proof | Promise<Proof>
}

export type Proof =
  /** `credential`: id of the secret; null where there is none. */
  | { readonly proven: true; readonly credential: string | null }
  | {
      readonly proven: false
      /** SHA-256 of what was tried, base64url; null: it was no attempt that counts. */
      readonly guess: string | null
      /** What the caller may read instead of the one sentence for every reason: it must not depend on anything a stranger could not know. */
      readonly sentence?: string
    }

/** A client that has proven itself. */
export interface Authenticated {
  readonly client: Client
  /** Id of the secret it proved itself with; null where it has none (public clients, private_key_jwt). */
  readonly credential: string | null
}

/** A `client_assertion`, read and not yet believed. */
export interface Assertion {
  readonly text: string
  readonly jwt: UnverifiedJwt
}

/** One way to sign an assertion. */
export interface AssertionMethod {
  readonly name: 'private_key_jwt' | 'client_secret_jwt'
  /** @throws JoseError: a code of checkClaims only if the signature is this client's. */
  readonly verify: (context: RealmContext, client: Client, assertion: Assertion, expectations: Expectations) => Signed | Promise<Signed>
}

interface Signed {
  readonly claims: RegisteredClaims
  /** Id of the secret; null for a key. */
  readonly credential: string | null
}
