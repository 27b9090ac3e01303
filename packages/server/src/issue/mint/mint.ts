// From what is granted to the token set that leaves. What must be paid for or remembered is decided before anything is signed, and durable
// before it leaves.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import { ACCESS_TOKEN_TYPE } from '@countersign/protocol/oauth/token_response'
import type { IssueRecord } from '../../model/issuing.ts'
import type { Receipt } from '../../model/ledger.ts'
import type { AccessTokenDraft, ReusableToken } from '../../model/token.ts'
import type { RealmContext } from '../context.ts'
import { meaningOf, reusableShare } from '../reuse.ts'
import { draftAccessToken, signAccessToken } from './access_token.ts'
import type { Meaning, MintOrder } from './record.ts'
import { keep, recordOf } from './record.ts'
import type { NewRefreshToken } from './refresh_token.ts'
import { nextRefreshToken, noteReplay, refusedRefreshToken } from './refresh_token.ts'

/** @throws OAuthError slow_down when the budget or the rate is used up, invalid_grant for a refresh token that lost a race */
export async function mint(context: RealmContext, dialect: CompiledDialect, order: MintOrder): Promise<TokenSet> {
  const meaning = await meaningIfReusable(context, dialect, order)
  if (!meaning) return fresh(context, dialect, order)
  const flight = context.flights.get(meaning.name)
  const known = flight ? await flight : await findReusable(context, meaning)
  const draft = known ?? (await claimTogether(context, dialect, order, meaning))
  return write(context, dialect, order, draft, known ? context.now() : draft.issuedAt)
}

async function meaningIfReusable(context: RealmContext, dialect: CompiledDialect, order: MintOrder): Promise<Meaning | undefined> {
  const share = reusableShare(context.realm, order.grantable)
  if (share === undefined) return undefined
  const { kid } = await context.keys.signer()
  return { name: meaningOf(context.realm, dialect, order, kid), share }
}

async function findReusable(context: RealmContext, { name }: Meaning): Promise<AccessTokenDraft | undefined> {
  const found = await context.store.issuing.findReusable(context.realm.id, name, context.now())
  return found && draftOf(found)
}

/** Of many that ask for the same at once, one asks the store and pays; the others get what it gets. */
function claimTogether(context: RealmContext, dialect: CompiledDialect, order: MintOrder, meaning: Meaning): Promise<AccessTokenDraft> {
  const flight = context.flights.get(meaning.name)
  if (flight) return flight
  const made = claim(context, dialect, order, meaning).finally(() => context.flights.delete(meaning.name))
  context.flights.set(meaning.name, made)
  return made
}

async function claim(context: RealmContext, dialect: CompiledDialect, order: MintOrder, meaning: Meaning): Promise<AccessTokenDraft> {
  order.limits.freshen()
  const draft = draftAccessToken(context, dialect, order, undefined)
  const { recorded, durable } = await keep(context, recordOf(context, order, draft, undefined, meaning))
  await durable
  if (recorded.outcome === 'exhausted') throw order.limits.exhausted(recorded.used)
  // Another process was faster.
  if (recorded.outcome === 'reused') return draftOf(recorded.token)
  if (recorded.outcome === 'recorded' && recorded.receipt) order.limits.charged(recorded.receipt.used)
  return draft
}

async function fresh(context: RealmContext, dialect: CompiledDialect, order: MintOrder): Promise<TokenSet> {
  order.limits.freshen()
  const refresh = nextRefreshToken(context, order, dialect.name)
  const draft = draftAccessToken(context, dialect, order, refresh?.family.id)
  const record = recordOf(context, order, draft, refresh, undefined)
  const { receipt, durable } = await settle(context, order, record, refresh)
  try {
    // Signed while the disk is busy; it leaves when both are done.
    const [tokens] = await Promise.all([write(context, dialect, order, draft, draft.issuedAt, refresh), durable])
    return tokens
  } catch (error) {
    // A token that was paid for and cannot be signed never leaves. If even this cannot be written it stays charged: that is the safe side.
    await context.store.issuing.undo(record, receipt).catch(() => undefined)
    throw error
  }
}

async function settle(
  context: RealmContext,
  order: MintOrder,
  record: IssueRecord,
  refresh: NewRefreshToken | undefined,
): Promise<{ readonly receipt: Receipt | null; readonly durable: Promise<void> }> {
  const { recorded, durable } = await keep(context, record)
  // What is refused rests on what was decided too.
  if (recorded.outcome !== 'recorded') await durable
  if (recorded.outcome === 'exhausted') throw order.limits.exhausted(recorded.used)
  if (recorded.outcome === 'replayed' && refresh) noteReplay(context, refresh.family)
  if (recorded.outcome !== 'recorded') throw refusedRefreshToken()
  if (recorded.receipt) order.limits.charged(recorded.receipt.used)
  return { receipt: recorded.receipt, durable }
}

function draftOf({ jti, claims, expiresAt }: ReusableToken): AccessTokenDraft {
  return { jti, claims, expiresAt, issuedAt: Number(claims['iat']), opaque: undefined }
}

/** @param from epoch seconds that the rest of its life is told from: a fresh token has all of it, however long the answer took */
async function write(
  context: RealmContext,
  dialect: CompiledDialect,
  { grantable, grant }: MintOrder,
  draft: AccessTokenDraft,
  from: number,
  refresh?: NewRefreshToken,
): Promise<TokenSet> {
  const accessToken = draft.opaque ?? (await signAccessToken(context, dialect, draft))
  return {
    accessToken,
    tokenType: grantable.binding === null ? 'Bearer' : 'DPoP',
    expiresIn: draft.expiresAt - from,
    ...(grantable.scope.length > 0 ? { scope: grantable.scope } : {}),
    ...(refresh ? { refreshToken: refresh.text, refreshExpiresIn: context.realm.refreshTokenLifetime } : {}),
    ...(grant === TOKEN_EXCHANGE ? { issuedTokenType: ACCESS_TOKEN_TYPE } : {}),
  }
}
