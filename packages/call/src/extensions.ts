// What may be handed to a client in place of a name: grants, assertions, proofs of possession. Their shapes; they live in grants/ and client_auth/.
import type { WireResponse } from '@countersign/protocol/dialect/message'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { TokenRequestFailed } from './errors.ts'

/** What extensions of the core need of the world: clock and randomness are handed in. */
export interface World {
  /** Epoch seconds. */
  readonly now: () => number
  /** A text that nobody can guess and that never comes again: 43 to 128 characters of A-Z a-z 0-9 - . _ ~ */
  readonly unique: () => string
}

/** The provider as a grant sees it while it finds its parameters. */
export interface GrantWorld extends World {
  readonly clientId: string
  /** What every token request of this client says: scope, audience, resource and further parameters. */
  readonly asked: Parameters
  /** As configured or discovered; undefined where only a tokenUrl is known. */
  readonly issuer: string | undefined
  /** A member of the provider's metadata, `authorization_endpoint`; undefined where there is none. @throws DiscoveryFailed */
  readonly metadata: (member: string) => Promise<unknown>
  /** POST of the client, authenticated, to an endpoint of the provider: an answer of 2xx. @throws TokenRequestFailed */
  readonly post: (url: URL, parameters: Parameters) => Promise<WireResponse>
}

/** A grant that is more than its options: `@countersign/call/grants/...`. */
export interface GrantSource {
  /** `grant_type` on the wire. */
  readonly name: string
  /** What of it shapes the token, JSON, for the cache's key: whose token is exchanged, never the parameters of a single request. */
  readonly shape: readonly unknown[] | (() => Promise<readonly unknown[]>)
  /** All parameters of a token request, asked for each; may wait for a human. */
  readonly parameters: (world: GrantWorld) => Promise<Parameters>
  /** After a refusal: true, at its time, if the same request is to be sent once more. */
  readonly again?: (refusal: TokenRequestFailed, parameters: Parameters) => Promise<boolean>
  /** Someone has to do something for it: no token is asked for by it while another is good. */
  readonly interactive?: boolean
}

/** Client authentication by a JWT: `@countersign/call/client_auth/...`. RFC 7523. */
export interface ClientAssertion {
  readonly method: 'private_key_jwt' | 'client_secret_jwt'
  /** Which key: goes into the cache's key. */
  readonly identity: () => Promise<string>
  /** @param audience issuer, or the token endpoint's URL where no issuer is known */
  readonly assertion: (clientId: string, audience: string, world: World) => Promise<string>
}

/** DPoP (RFC 9449): `@countersign/call/client_auth/dpop`. It keeps its key and the servers' nonces. */
export interface Prover {
  /** RFC 7638: what the token is bound to. */
  readonly thumbprint: () => Promise<string>
  /** The field `dpop` of one request to the token endpoint. */
  readonly prove: (request: ProvenRequest, world: World) => Promise<Record<string, string>>
  /** How a token is shown to the API: with a proof if it is bound, else the dialect's way. */
  readonly presentation: (world: World, write: Presentation['write']) => Presentation
  /** Takes the server's nonce from an answer. True if the request was refused for want of it, so that it is worth sending again. */
  readonly learn: (
    request: ProvenRequest,
    answer: { readonly status: number; readonly headers: Headers | WireResponse['headers'] },
  ) => boolean
}

export interface ProvenRequest {
  readonly method: string
  readonly url: URL
  /** Where a token is shown with the proof. */
  readonly accessToken?: string
}

/** A token on its way to an API. */
export interface ShownToken {
  readonly accessToken: string
  readonly tokenType: string
}

export interface Presentation {
  /** The header fields; the URL is unknown where a caller asks for them without naming it. @throws ConfigurationError where it is needed */
  readonly write: (token: ShownToken | undefined, method: string, url: URL | undefined) => Fields | Promise<Fields>
  /** Told of every answer to a token: true if it is worth sending again, since the server's nonce is known now. */
  readonly refused?: (token: ShownToken, method: string, url: URL, answer: Response) => boolean
}

type Fields = Record<string, string>
