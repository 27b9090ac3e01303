// One Dialect document in, codecs out that read and write everything it describes. Compile once, at start.
import { clientDialect } from './client.ts'
import type { ClaimsCodec } from './codec/claims.ts'
import { claimsCodec } from './codec/claims.ts'
import type { ErrorCodec } from './codec/error.ts'
import { errorWriter } from './codec/error.ts'
import type { PresentationCodec } from './codec/presentation.ts'
import { presentationCodec } from './codec/presentation.ts'
import type { TokenRequestCodec } from './codec/token_request.ts'
import { tokenRequestReader } from './codec/token_request.ts'
import type { TokenResponseCodec } from './codec/token_response.ts'
import { tokenResponseWriter } from './codec/token_response.ts'
import type { Dialect, EndpointName } from './dialect.ts'
import { endpointPaths } from './paths.ts'

export interface CompiledDialect {
  readonly name: string
  readonly document: Dialect
  readonly tokenRequest: TokenRequestCodec
  readonly tokenResponse: TokenResponseCodec
  readonly error: ErrorCodec
  readonly presentation: PresentationCodec
  readonly claims: ClaimsCodec
  /** See `endpointPaths`. */
  paths(endpoint: EndpointName, realm: string, rooted: boolean): readonly string[]
}

/** @param dialect checked, as `resolveDialect` gives it */
export function compile(dialect: Dialect): CompiledDialect {
  const { name, tokenRequest, tokenResponse, error } = clientDialect(dialect)
  return {
    name,
    document: dialect,
    tokenRequest: { ...tokenRequestReader(dialect), ...tokenRequest },
    tokenResponse: { ...tokenResponseWriter(dialect), ...tokenResponse },
    error: { ...errorWriter(dialect), ...error },
    presentation: presentationCodec(dialect.presentation),
    claims: claimsCodec(dialect),
    paths: (endpoint, realm, rooted) => endpointPaths(dialect, endpoint, realm, rooted),
  }
}
