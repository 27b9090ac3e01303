// Whether the dialects of one realm can stand side by side: one path, one meaning.
import { isDeepStrictEqual } from 'node:util'
import { compile } from '@countersign/protocol/dialect/compile'
import { type Dialect, ENDPOINT_NAMES, type EndpointName } from '@countersign/protocol/dialect/dialect'
import type { Problem } from '@countersign/protocol/dialect/shape'

/** Every path that two dialects claim for different things. The same endpoint at the same path is one, unless its tokens are asked differently. */
export function dialectCollisions(dialects: readonly Dialect[], realmId: string, path: string): Problem[] {
  const problems: Problem[] = []
  for (const rooted of [true, false]) {
    const claimed = new Map<string, Claim>()
    for (const claim of dialects.flatMap((dialect) => claims(dialect, realmId, rooted))) {
      const other = claimed.get(claim.path)
      if (!other) claimed.set(claim.path, claim)
      else if (differ(other, claim)) problems.push({ path, message: collision(other, claim) })
    }
  }
  return problems.filter((one, index) => problems.findIndex((other) => other.message === one.message) === index)
}

interface Claim {
  readonly path: string
  readonly endpoint: EndpointName
  readonly dialect: Dialect
}

function claims(dialect: Dialect, realmId: string, rooted: boolean): Claim[] {
  const { paths } = compile(dialect)
  return ENDPOINT_NAMES.flatMap((endpoint) => paths(endpoint, realmId, rooted).map((path) => ({ path, endpoint, dialect })))
}

function differ(one: Claim, other: Claim): boolean {
  if (one.endpoint !== other.endpoint) return true
  if (one.endpoint !== 'token') return false
  const shared = one.dialect.token_request.encodings.some((encoding) => other.dialect.token_request.encodings.includes(encoding))
  return shared && !isDeepStrictEqual(meaning(one.dialect), meaning(other.dialect))
}

function meaning({ verbatim, token_request, token_response, error }: Dialect): unknown {
  return { verbatim, token_request, token_response, error }
}

function collision(one: Claim, other: Claim): string {
  return `'${one.dialect.name}' and '${other.dialect.name}' both answer ${one.path}, as ${one.endpoint} and ${other.endpoint}: give one of them another path`
}
