// Refresh tokens: made, handed on, and killed with their family. RFC 9700 section 4.14.2.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Grantable } from '../../model/authorization.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../../model/realm.ts'
import { secretHash } from '../../model/secret_hash.ts'
import type { RefreshFamily, RefreshToken } from '../../model/token.ts'
import type { RealmContext } from '../context.ts'

const PREFIX = 'cs_refresh_'

/** A refresh token that is not stored yet. */
export interface NewRefreshToken {
  /** What the client gets. */
  readonly text: string
  readonly family: RefreshFamily
  /** Makes it valid (and its predecessor used up); resolves when that is durable. @throws OAuthError invalid_grant if a race was lost. */
  readonly store: () => Promise<void>
}

/** The next refresh token of this authorization, or undefined if it gets none. */
export function nextRefreshToken(context: RealmContext, grantable: Grantable, dialect: string): NewRefreshToken | undefined {
  const { refresh } = grantable.authorization
  if (refresh === 'none') return undefined
  const now = context.now()
  const text = PREFIX + context.random.secret()
  const family = refresh === 'start' ? newFamily(context, grantable, dialect) : refresh.family
  const token: RefreshToken = {
    hash: secretHash(text),
    familyId: family.id,
    createdAt: now,
    expiresAt: now + context.realm.refreshTokenLifetime,
  }
  if (refresh === 'start') return { text, family, store: () => context.store.refreshTokens.start(family, token) }
  return { text, family, store: () => rotate(context, refresh.token.hash, family, token) }
}

/** Revokes the family and all access tokens that stem from it; resolves when that is durable. */
export async function killFamily(context: RealmContext, family: RefreshFamily): Promise<void> {
  const end = accessTokensEnd(context)
  await context.store.refreshTokens.revokeFamily(family.realmId, family.id, context.now(), end)
  context.revocations.note({ realmId: family.realmId, kind: 'family', value: family.id, expiresAt: end })
}

/** One sentence for every reason. */
export function refusedRefreshToken(): OAuthError {
  return new OAuthError('invalid_grant', 'The refresh token is unknown, expired, revoked, used before or of another client.')
}

async function rotate(context: RealmContext, used: string, family: RefreshFamily, successor: RefreshToken): Promise<void> {
  const end = accessTokensEnd(context)
  const rotation = await context.store.refreshTokens.rotate(family.realmId, used, successor, context.now(), end)
  if (rotation === 'rotated') return
  if (rotation === 'replayed') context.revocations.note({ realmId: family.realmId, kind: 'family', value: family.id, expiresAt: end })
  throw refusedRefreshToken()
}

function newFamily(context: RealmContext, { authorization, scope, audience }: Grantable, dialect: string): RefreshFamily {
  const { client, subject } = authorization
  return {
    id: context.random.id(),
    realmId: context.realm.id,
    clientId: client.clientId,
    subject: subject.kind === 'user' ? subject.user.id : client.clientId,
    scope,
    audience,
    dialect,
    createdAt: context.now(),
  }
}

/** When no access token of the family can be alive any more. */
function accessTokensEnd(context: RealmContext): number {
  return context.now() + MAX_ACCESS_TOKEN_LIFETIME
}
