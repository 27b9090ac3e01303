// Tokens this realm issued, found again: is it ours, is it alive, whose is it. For introspection, revocation, userinfo.
import { CLOCK_LEAD } from '@countersign/guard/clock_lead'
import { JoseError } from '@countersign/protocol/jose/error'
import { verifyJwt } from '@countersign/protocol/jose/jwt'
import { clientOf } from '@countersign/protocol/oauth/claims'
import { secretHash } from '../model/secret_hash.ts'
import type { FoundRefreshToken } from '../model/store.ts'
import type { RealmContext } from './context.ts'

export type LiveToken =
  | { readonly kind: 'access_token'; readonly clientId: string; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly kind: 'refresh_token'; readonly clientId: string; readonly found: FoundRefreshToken }

/** The token if it is this realm's and alive: not expired, not revoked, not used up. */
export async function findLiveToken(context: RealmContext, text: string): Promise<LiveToken | undefined> {
  return (await findAccessToken(context, text)) ?? findRefreshToken(context, text)
}

/**
 * The token if giving it back ends anything: like `findLiveToken`, but a refresh token that is used up counts while its family lives.
 * Whoever never got the answer to his last refresh has no other to give back. An access token counts until it has ended by everybody's clock.
 */
export async function findRevocableToken(context: RealmContext, text: string): Promise<LiveToken | undefined> {
  const access = await findAccessToken(context, text, CLOCK_LEAD)
  if (access) return access
  const found = await context.store.refreshTokens.find(context.realm.id, secretHash(text))
  return found?.revokedAt === null ? { kind: 'refresh_token', clientId: found.family.clientId, found } : undefined
}

/** @param afterEnd seconds after its end in which it still counts */
export async function findAccessToken(
  context: RealmContext,
  text: string,
  afterEnd = 0,
): Promise<(LiveToken & { kind: 'access_token' }) | undefined> {
  const claims =
    text.split('.').length === 3 ? await readJwtClaims(context, text, afterEnd) : await readOpaqueClaims(context, text, afterEnd)
  const clientId = claims && clientOf(claims)
  if (!claims || clientId === undefined) return undefined
  // A token that another process revoked a second ago is not called alive because nobody could be asked.
  await context.news.fresh()
  const { jti, sid, iat } = claims
  const issuedAt = typeof iat === 'number' ? iat : undefined
  if (context.revocations.isRevoked(context.realm.id, textOf(jti), textOf(sid), clientId, issuedAt)) return undefined
  return { kind: 'access_token', clientId, claims }
}

/** Whether a token works only together with its key (RFC 9449 section 6). */
export function isBound(claims: Readonly<Record<string, unknown>>): boolean {
  return claims['cnf'] !== undefined
}

async function findRefreshToken(context: RealmContext, text: string): Promise<LiveToken | undefined> {
  const found = await context.store.refreshTokens.find(context.realm.id, secretHash(text))
  if (found?.usedAt !== null || found.revokedAt !== null || found.token.expiresAt <= context.now()) return undefined
  return { kind: 'refresh_token', clientId: found.family.clientId, found }
}

/** Claims of an opaque access token of this realm that has not expired. Whether it is revoked is not asked here. */
export async function readOpaqueClaims(
  context: RealmContext,
  text: string,
  afterEnd = 0,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const token = await context.store.accessTokens.findOpaque(context.realm.id, secretHash(text))
  return token && context.now() < token.expiresAt + afterEnd ? token.claims : undefined
}

async function readJwtClaims(
  context: RealmContext,
  text: string,
  afterEnd: number,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { realm, dialects, keys } = context
  // Each family has its own typ and its own constant claims: a token must satisfy one family whole.
  for (const dialect of dialects) {
    try {
      const jwt = await verifyJwt(
        text,
        {
          issuer: realm.issuer,
          audience: [realm.issuer, ...realm.audiences.map((one) => one.identifier)],
          typ: [dialect.claims.typ],
          requiredClaims: dialect.claims.requiredClaims,
          now: context.now(),
          clockTolerance: afterEnd,
          clockLead: CLOCK_LEAD,
        },
        keys,
      )
      return jwt.claims
    } catch (error) {
      if (!(error instanceof JoseError) || error.code === 'key_unavailable') throw error
    }
  }
  return undefined
}

function textOf(claim: unknown): string | undefined {
  return typeof claim === 'string' ? claim : undefined
}
