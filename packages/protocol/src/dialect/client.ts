// The client's half of a dialect: what writes a token request, reads its answer and shows the token. The server's half and the check
// of a document stay outside, so that a bundle of the client holds neither. compile.ts gives both halves.
import type { ErrorReader } from './codec/error.ts'
import { errorReader } from './codec/error.ts'
import type { PresentationWriter } from './codec/presentation.ts'
import { presentationWriter } from './codec/presentation.ts'
import type { TokenRequestWriter } from './codec/token_request.ts'
import { tokenRequestWriter } from './codec/token_request.ts'
import type { TokenResponseReader } from './codec/token_response.ts'
import { tokenResponseReader } from './codec/token_response.ts'
import type { Dialect, PresentationDialect, TokenRequestDialect } from './dialect.ts'

/** The sections that a client speaks by. */
type ClientSections = Pick<Dialect, 'name' | 'verbatim' | 'token_request' | 'token_response' | 'error' | 'presentation'>

/** What a client asks of the document itself. All of it but `presentation` belongs into the key of a cached token. */
export interface ClientDocument {
  readonly token_request: Pick<TokenRequestDialect, 'client_auth'>
  readonly presentation: PresentationDialect
}

/** A CompiledDialect is one too. */
export interface ClientDialect {
  readonly name: string
  readonly document: ClientDocument
  readonly tokenRequest: TokenRequestWriter
  readonly tokenResponse: TokenResponseReader
  readonly error: ErrorReader
  readonly presentation: PresentationWriter
}

/** @param dialect a built-in one, or checked, as `resolveDialect` gives it */
export function clientDialect(dialect: ClientSections): ClientDialect {
  return {
    name: dialect.name,
    document: dialect,
    tokenRequest: tokenRequestWriter(dialect),
    tokenResponse: tokenResponseReader(dialect),
    error: errorReader(dialect),
    presentation: presentationWriter(dialect.presentation),
  }
}
