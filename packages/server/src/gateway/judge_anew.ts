// A token that the guard judged by old knowledge is judged again before its request is counted: a database that is back can count before
// this node has heard of what was revoked meanwhile. docs/decisions/0031.
import type { Principal } from '@countersign/guard/verdict'
import type { News } from '../issue/news.ts'
import type { RevocationList } from '../issue/revocation_list.ts'
import type { Realm } from '../model/realm.ts'
import { StoreUnavailable } from '../model/store.ts'

/** What is known of revocations, and how to bring it up to date. Without them it always is. */
export interface Knowledge {
  readonly news?: Pick<News, 'fresh'>
  readonly revocations?: Pick<RevocationList, 'isRevoked'>
}

/** Undefined where nothing need be waited for. Rejects with StoreUnavailable when nobody answers, and for what was revoked: ask anew. */
export function judgeAnew(
  { news, revocations, realm }: Knowledge & { readonly realm: Pick<Realm, 'id'> },
  { tokenId, clientId, claims }: Principal,
): Promise<void> | undefined {
  return news?.fresh()?.then(() => {
    const { sid, iat } = claims
    const family = typeof sid === 'string' ? sid : undefined
    const issuedAt = typeof iat === 'number' ? iat : undefined
    // At the next try the guard says so itself.
    if (revocations?.isRevoked(realm.id, tokenId, family, clientId, issuedAt) === true)
      throw new StoreUnavailable('A token was revoked while the database could not be reached: its request is refused, to be asked anew.')
  })
}
