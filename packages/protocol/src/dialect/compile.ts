// One Dialect document in, codecs out that read and write everything it describes. Compile once, at start.
import type { ClaimsCodec } from './codec/claims.ts'
import { claimsCodec } from './codec/claims.ts'
import type { ErrorCodec } from './codec/error.ts'
import { errorCodec } from './codec/error.ts'
import type { PresentationCodec } from './codec/presentation.ts'
import { presentationCodec } from './codec/presentation.ts'
import type { TokenRequestCodec } from './codec/token_request.ts'
import { tokenRequestCodec } from './codec/token_request.ts'
import type { TokenResponseCodec } from './codec/token_response.ts'
import { tokenResponseCodec } from './codec/token_response.ts'
import type { Dialect, EndpointName } from './dialect.ts'

export interface CompiledDialect {
  readonly name: string
  readonly document: Dialect
  readonly tokenRequest: TokenRequestCodec
  readonly tokenResponse: TokenResponseCodec
  readonly error: ErrorCodec
  readonly presentation: PresentationCodec
  readonly claims: ClaimsCodec
  /**
   * Paths of an endpoint as mounted away from the realm's own hosts, canonical first: `/realms/{realm}` before them,
   * unless the dialect's paths are absolute; with `rooted` as on the realm's own hosts. `{kid}` is left in.
   */
  paths(endpoint: EndpointName, realm: string, rooted: boolean): readonly string[]
}

/** @param dialect checked, as `resolveDialect` gives it */
export function compile(dialect: Dialect): CompiledDialect {
  return {
    name: dialect.name,
    document: dialect,
    tokenRequest: tokenRequestCodec(dialect),
    tokenResponse: tokenResponseCodec(dialect),
    error: errorCodec(dialect),
    presentation: presentationCodec(dialect.presentation),
    claims: claimsCodec(dialect),
    paths(endpoint, realm, rooted) {
      const prefix = rooted || dialect.mount === 'absolute' ? '' : `/realms/${realm}`
      return (dialect.endpoints[endpoint] ?? []).map((path) => prefix + path.replaceAll('{realm}', () => realm))
    },
  }
}
