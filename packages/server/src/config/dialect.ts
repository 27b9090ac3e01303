// Whether the dialects of one realm can stand side by side: one path, one meaning.
import { isDeepStrictEqual } from 'node:util'
import { compile } from '@countersign/protocol/dialect/compile'
import type { Dialect, EndpointName } from '@countersign/protocol/dialect/dialect'
import { ENDPOINT_NAMES } from '@countersign/protocol/dialect/dialect'
import type { Problem } from '@countersign/protocol/dialect/shape'

/** Every path that two dialects claim for different things. The same endpoint at the same path is one, unless its tokens are asked differently. */
export function dialectCollisions(dialects: readonly Dialect[], realmId: string, path: string): Problem[] {
  // At the realm's own hosts first: what collides there does so under the prefix too, and is told once.
  const problems = new Map<string, Problem>()
  for (const rooted of [true, false]) {
    const claimed = new Map<string, Claim>()
    for (const claim of dialects.flatMap((dialect) => claims(dialect, realmId, rooted))) {
      if (claim.path === usagePath(realmId)) problems.set(claim.path, { path, message: taken(claim) })
      const other = claimed.get(claim.path)
      if (!other) claimed.set(claim.path, claim)
      else if (differ(other, claim)) {
        const both = [other, claim].map(({ dialect, endpoint }) => `${dialect.name} ${endpoint}`).join(' ')
        if (!problems.has(both)) problems.set(both, { path, message: collision(other, claim) })
      }
    }
  }
  return [...problems.values()]
}

/** The one path of a realm that no dialect gives: where a client reads its usage. */
export function usagePath(realmId: string): string {
  return `/realms/${realmId}/usage`
}

interface Claim {
  readonly path: string
  readonly endpoint: EndpointName
  readonly dialect: Dialect
}

function claims(dialect: Dialect, realmId: string, rooted: boolean): Claim[] {
  const compiled = compile(dialect)
  return ENDPOINT_NAMES.flatMap((endpoint) => compiled.paths(endpoint, realmId, rooted).map((path) => ({ path, endpoint, dialect })))
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

function taken({ path, endpoint, dialect }: Claim): string {
  return `'${dialect.name}' answers ${path} as ${endpoint}, where a client reads its usage: give it another path`
}
