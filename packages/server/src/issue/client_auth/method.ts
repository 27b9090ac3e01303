// What a client authentication method is: a way to recognise credentials in a token request.
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { ClientAuthMethod } from '../../model/client.ts'

export interface ClientCredentials {
  readonly method: ClientAuthMethod
  readonly clientId: string
  /** Undefined for `none`. */
  readonly secret: string | undefined
}

export interface ClientAuth {
  /** The credentials, if the request presents any of this kind. */
  readonly present: (request: TokenRequest) => ClientCredentials | undefined
}
