// Verdicts that let a request in, made once and shared by all requests alike. Decides nothing.
import type { VerifiedToken } from './bearer.ts'
import type { Allow } from './verdict.ts'

/** The same token with an API key beside it. */
export function keyedAllow(token: VerifiedToken, apiKeyId: string): Allow {
  if (token.keyed?.principal.apiKeyId === apiKeyId) return token.keyed
  const principal = Object.freeze({ ...token.allow.principal, apiKeyId })
  token.keyed = Object.freeze({ ...token.allow, principal })
  return token.keyed
}

/** For a route that asks for nothing, where nothing came: made when it is first needed. */
export function createAnonymous(realm: string): () => Allow {
  let made: Allow | undefined
  return () => {
    made ??= anonymousAllow(realm)
    return made
  }
}

function anonymousAllow(realm: string): Allow {
  const principal = Object.freeze({
    realm,
    clientId: undefined,
    subject: undefined,
    scope: Object.freeze([]),
    audience: Object.freeze([]),
    claims: Object.freeze({}),
    apiKeyId: undefined,
    tokenId: undefined,
    anonymous: true,
  })
  return Object.freeze({ allow: true, principal, headers: Object.freeze({}) })
}
