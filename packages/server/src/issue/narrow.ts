// From what a grant allows to what this request gets: scope, audience, resource. RFC 6749 section 3.3, RFC 8707 section 2.
import { readAudience, readResource } from '@countersign/protocol/oauth/audience'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import { readScope } from '@countersign/protocol/oauth/scope'
import type { Authorization, Grantable } from '../model/authorization.ts'
import type { Realm } from '../model/realm.ts'

/** @throws OAuthError invalid_scope, invalid_target; invalid_grant for a refresh token that is bound to another key. @param binding thumbprint of the key that was proven; null for a bearer token */
export function narrow(realm: Realm, authorization: Authorization, parameters: Parameters, binding: string | null): Grantable {
  checkBinding(authorization, binding)
  const audience = narrowAudience(realm, authorization, parameters)
  return { authorization, audience, scope: narrowScope(realm, authorization, audience, parameters), binding }
}

/** RFC 9449 section 5: the refresh token of a public client works only together with the key it was given to. */
function checkBinding({ refresh }: Authorization, binding: string | null): void {
  if (typeof refresh === 'string' || refresh.family.binding === null || refresh.family.binding === binding) return
  throw new OAuthError('invalid_grant', 'The refresh token is bound to a key: send a DPoP proof by that key.')
}

function narrowAudience(realm: Realm, authorization: Authorization, parameters: Parameters): readonly string[] {
  const asked = askedAudiences(parameters)
  if (asked.length === 0) return audiencesByDefault(realm, authorization)
  for (const one of asked) {
    if (!authorization.audiences.includes(one)) {
      throw new OAuthError('invalid_target', 'The audience or resource is unknown here, or this client may not have tokens for it.')
    }
  }
  return asked
}

/** The APIs that a request names by `audience` or `resource`; none: it leaves the choice to us. @throws OAuthError invalid_target */
export function askedAudiences(parameters: Parameters): readonly string[] {
  const audience = parameters.get('audience')
  const resource = parameters.get('resource')
  const asked = new Set<string>()
  if (audience !== undefined) asked.add(readAudience(audience))
  for (const one of resource?.split(' ') ?? []) asked.add(readResource(one))
  return [...asked]
}

function audiencesByDefault(realm: Realm, { defaultAudiences, client }: Authorization): readonly string[] {
  if (defaultAudiences.length > 0) return defaultAudiences
  // A realm that protects no API of its own issues tokens for itself, so that `aud` is never missing (RFC 9068 section 2.2).
  if (realm.audiences.length === 0) return [realm.issuer]
  const example = client.audiences[0]
  throw new OAuthError(
    'invalid_target',
    `The parameter 'audience' is missing${example === undefined ? '.' : `: name the API, for instance ${example}`}`,
  )
}

function narrowScope(realm: Realm, authorization: Authorization, audience: readonly string[], parameters: Parameters): readonly string[] {
  const understood = scopesOf(realm, audience)
  const asked = readScope(parameters.get('scope') ?? '').filter((name) => name !== OPENID || realm.scopes.includes(OPENID))
  if (asked.length === 0) return authorization.defaultScope.filter(understood)
  for (const one of asked) {
    if (!authorization.scope.includes(one) || !understood(one)) {
      throw new OAuthError('invalid_scope', 'The scope has a value that is unknown, or that this client may not have.')
    }
  }
  return asked
}

/** Asks for an ID token, which only interactive grants give. Keycloak's clients send it always: ignored, as RFC 6749 section 3.3 allows. */
const OPENID = 'openid'

/** Whether some target API understands a scope; an API that lists none understands all of the realm's. */
function scopesOf(realm: Realm, audience: readonly string[]): (scope: string) => boolean {
  const targets = realm.audiences.filter((one) => audience.includes(one.identifier))
  if (targets.length === 0 || targets.some((one) => one.scopes.length === 0)) return () => true
  return (scope) => targets.some((one) => one.scopes.includes(scope))
}
