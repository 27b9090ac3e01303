// Refresh tokens: made, handed on, and killed with their family. RFC 9700 section 4.14.2.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { AuditEvent } from '../../model/audit.ts'
import type { RefreshRecord } from '../../model/issuing.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../../model/realm.ts'
import { secretHash } from '../../model/secret_hash.ts'
import type { RefreshFamily, RefreshToken } from '../../model/token.ts'
import type { Caller, RealmContext } from '../context.ts'
import type { Order } from '../reuse.ts'

const PREFIX = 'cs_refresh_'

/** A refresh token that is not stored yet. */
export interface NewRefreshToken {
  /** What the client gets. */
  readonly text: string
  readonly family: RefreshFamily
  /** Makes it valid, and its predecessor used up. */
  readonly record: RefreshRecord
}

/** The next refresh token of this authorization, or undefined if it gets none. */
export function nextRefreshToken(context: RealmContext, order: Order, dialect: string): NewRefreshToken | undefined {
  const { refresh } = order.grantable.authorization
  if (refresh === 'none') return undefined
  const now = context.now()
  const text = PREFIX + context.random.secret()
  const family = refresh === 'start' ? newFamily(context, order, dialect) : refresh.family
  const token: RefreshToken = {
    hash: secretHash(text),
    familyId: family.id,
    createdAt: now,
    expiresAt: now + context.realm.refreshTokenLifetime,
  }
  if (refresh === 'start') return { text, family, record: { kind: 'start', family, token } }
  const record: RefreshRecord = {
    kind: 'rotate',
    family,
    used: refresh.token.hash,
    successor: token,
    accessTokensEnd: accessTokensEnd(context),
  }
  return { text, family, record }
}

/** Revokes the family and all access tokens that stem from it; resolves when that is durable. @param event why */
export async function killFamily(context: RealmContext, family: RefreshFamily, caller: Caller, event: AuditEvent): Promise<void> {
  const end = accessTokensEnd(context)
  const at = context.now()
  const { realmId, clientId } = family
  const audit = { at, by: 'client', realmId, event, clientId, address: caller.address, detail: { family: family.id } }
  await context.store.refreshTokens.revokeFamily(realmId, family.id, at, end, audit)
  context.revocations.note({ realmId, kind: 'family', value: family.id, expiresAt: end })
}

/** The store has revoked the family: here it takes effect at once. */
export function noteReplay(context: RealmContext, { realmId, id }: RefreshFamily): void {
  context.revocations.note({ realmId, kind: 'family', value: id, expiresAt: accessTokensEnd(context) })
}

/** One sentence for every reason. */
export function refusedRefreshToken(): OAuthError {
  return new OAuthError('invalid_grant', 'The refresh token is unknown, expired, revoked, used before or of another client.')
}

function newFamily(context: RealmContext, { grantable, credential }: Order, dialect: string): RefreshFamily {
  const { authorization, scope, audience, binding } = grantable
  const { client, subject } = authorization
  return {
    id: context.random.id(),
    realmId: context.realm.id,
    clientId: client.clientId,
    subject: subject.kind === 'user' ? subject.user.id : client.clientId,
    scope,
    audience,
    dialect,
    credential,
    // A confidential client proves itself at each refresh; a public one has only its key (RFC 9449 section 5).
    binding: client.authMethods.includes('none') ? binding : null,
    createdAt: context.now(),
  }
}

/** When no access token of the family can be alive any more. */
function accessTokensEnd(context: RealmContext): number {
  return context.now() + MAX_ACCESS_TOKEN_LIFETIME
}
