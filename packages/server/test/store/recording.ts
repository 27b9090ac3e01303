// Single things recorded through the Issuing port, for tests that are about those things.
import assert from 'node:assert/strict'
import type { Recorded } from '../../src/model/issuing.ts'
import type { Store } from '../../src/model/store.ts'
import type { OpaqueToken, RefreshFamily, RefreshToken } from '../../src/model/token.ts'
import { family, issueRecord, NOW } from './samples.ts'

/** Stores a new family with its first token. */
export const start = async (store: Store, begun: RefreshFamily, token: RefreshToken): Promise<void> => {
  const { outcome } = await store.issuing.record(issueRecord({ refresh: { kind: 'start', family: begun, token } }))
  assert.equal(outcome, 'recorded')
}

/** Uses up the token `used` of the successor's family. */
export const rotate = async (
  store: Store,
  realmId: string,
  used: string,
  successor: RefreshToken,
  now: number,
  accessTokensEnd: number,
): Promise<Recorded['outcome']> => {
  const refresh = { kind: 'rotate', family: family(realmId, successor.familyId), used, successor, accessTokensEnd } as const
  return (await store.issuing.record(issueRecord({ now, refresh }))).outcome
}

export const insertOpaque = async (store: Store, token: OpaqueToken): Promise<void> => {
  const { outcome } = await store.issuing.record(issueRecord({ now: NOW, opaque: token }))
  assert.equal(outcome, 'recorded')
}
