// What a fresh token leaves behind, put together for the one unit that stores it.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { AuditEntry } from '../../model/audit.ts'
import type { Grantable } from '../../model/authorization.ts'
import type { Decided, IssueRecord } from '../../model/issuing.ts'
import type { AccessTokenDraft, ReusableToken } from '../../model/token.ts'
import type { Caller, RealmContext } from '../context.ts'
import type { Limits } from '../limits.ts'
import { opaqueToken } from './access_token.ts'
import type { NewRefreshToken } from './refresh_token.ts'

/** A grantable, and who asks how. */
export interface MintOrder {
  readonly grantable: Grantable
  readonly grant: GrantType
  /** Id of the secret the client proved itself with; null where it has none. */
  readonly credential: string | null
  readonly caller: Caller
  readonly limits: Limits
}

/** The name of what is asked for, and how much of its life a token of that name must still have to be served again. */
export interface Meaning {
  readonly name: string
  readonly share: number
}

export function recordOf(
  context: RealmContext,
  order: MintOrder,
  draft: AccessTokenDraft,
  refresh: NewRefreshToken | undefined,
  meaning: Meaning | undefined,
): IssueRecord {
  return {
    now: draft.issuedAt,
    charge: order.limits.charge(order.caller),
    reuse: meaning ? reusableOf(context, order, draft, meaning) : null,
    refresh: refresh?.record ?? null,
    opaque: opaqueToken(context, draft),
    audit: context.auditTokens ? auditOf(context, order, draft, refresh) : null,
  }
}

/** Nothing may leave before it is durable. A client without plan, audit, reuse and refresh token leaves nothing behind, and waits for no disk. */
export async function keep(context: RealmContext, record: IssueRecord): Promise<Decided> {
  const { charge, reuse, refresh, opaque, audit } = record
  if (!charge && !reuse && !refresh && !opaque && !audit) return NOTHING_TO_KEEP
  return context.store.issuing.decide(record)
}

const NOTHING_TO_KEEP: Decided = { recorded: { outcome: 'recorded', receipt: null }, durable: Promise.resolve() }

function auditOf(context: RealmContext, order: MintOrder, draft: AccessTokenDraft, refresh: NewRefreshToken | undefined): AuditEntry {
  const { grantable, grant, credential, caller } = order
  const { scope, audience, authorization, binding } = grantable
  return {
    at: draft.issuedAt,
    by: 'client',
    realmId: context.realm.id,
    event: 'token.issued',
    clientId: authorization.client.clientId,
    address: caller.address,
    detail: {
      jti: draft.jti,
      grant,
      subject: draft.claims['sub'],
      scope: scope.join(' '),
      audience,
      expires: draft.expiresAt,
      ...(credential !== null && { credential }),
      ...(refresh && { family: refresh.family.id }),
      ...(binding !== null && { binding }),
      ...authorization.provenance,
    },
  }
}

function reusableOf(context: RealmContext, order: MintOrder, draft: AccessTokenDraft, { name, share }: Meaning): ReusableToken {
  const { jti, claims, issuedAt, expiresAt } = draft
  return {
    realmId: context.realm.id,
    meaning: name,
    clientId: order.grantable.authorization.client.clientId,
    credential: order.credential,
    jti,
    claims,
    expiresAt,
    // The first second in which less than the share is left.
    reusableUntil: Math.floor(expiresAt - share * (expiresAt - issuedAt)) + 1,
  }
}
