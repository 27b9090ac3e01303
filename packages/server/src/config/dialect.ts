// Whether the dialects of one realm can stand side by side: one path, one meaning.
import { isDeepStrictEqual } from 'node:util'
import type { Dialect, EndpointName } from '@countersign/protocol/dialect/dialect'
import { ENDPOINT_NAMES } from '@countersign/protocol/dialect/dialect'
import { endpointPaths } from '@countersign/protocol/dialect/paths'
import type { Problem } from '@countersign/protocol/dialect/shape'
import { GUARD_PATHS } from '../issue/endpoints/guard_metadata.ts'

/** Every path that two dialects claim for different things. The same endpoint at the same path is one, unless its tokens are asked differently. */
export function dialectCollisions(dialects: readonly Dialect[], realmId: string, path: string): Problem[] {
  // At the realm's own hosts first: what collides there does so under the prefix too, and is told once.
  const problems = new Map<string, Problem>()
  const own = ownPaths(realmId)
  for (const rooted of [true, false]) {
    const claimed = new Map<string, Claim>()
    for (const claim of dialects.flatMap((dialect) => claims(dialect, realmId, rooted))) {
      const use = own.get(claim.path)
      if (use !== undefined) problems.set(claim.path, { path, message: taken(claim, use) })
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

/** The paths of a realm that no dialect gives, and what for. */
function ownPaths(realmId: string): ReadonlyMap<string, string> {
  const ours = Object.values(GUARD_PATHS).map((path) => [`/realms/${realmId}${path}`, 'guards in other programs ask'] as const)
  return new Map([[usagePath(realmId), 'a client reads its usage'], ...ours])
}

/** Where a client reads its usage. */
export function usagePath(realmId: string): string {
  return `/realms/${realmId}/usage`
}

interface Claim {
  readonly path: string
  readonly endpoint: EndpointName
  readonly dialect: Dialect
}

function claims(dialect: Dialect, realmId: string, rooted: boolean): Claim[] {
  return ENDPOINT_NAMES.flatMap((endpoint) =>
    endpointPaths(dialect, endpoint, realmId, rooted).map((path) => ({ path, endpoint, dialect })),
  )
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

function taken({ path, endpoint, dialect }: Claim, use: string): string {
  return `'${dialect.name}' answers ${path} as ${endpoint}, where ${use}: give it another path`
}
