// Names that count once, as rows: the row count of one INSERT decides.
import type { ReplayStore } from '../../model/store.ts'
import { gather } from '../gather.ts'
import type { Sql, Statement, Unit } from '../sql.ts'
import { statement } from '../sql.ts'

/** A name that has expired can be claimed anew once a sweep has come by: nothing here asks a clock. A longer one: RangeError. */
export const oneTimeNameTable = (sql: Sql): ReplayStore => {
  const claim = gather(sql, claimAll)
  return {
    claim: async (realmId, name, expiresAt) => {
      if (name.length > LONGEST_NAME)
        throw new RangeError(`A one-time name has at most ${LONGEST_NAME} characters, and not ${name.length}.`)
      return claim({ realmId, name, expiresAt })
    },
  }
}

const LONGEST_NAME = 200

/** Removes at most `limit` rows; to be repeated while it does. */
export const sweepOneTimeNames = (now: number, limit: number): Statement => statement(SWEEP, now, limit)

const CLAIM = 'INSERT INTO one_time_names (realm_id, name, expires_at) VALUES (?, ?, ?) ON CONFLICT (realm_id, name) DO NOTHING'

const SWEEP = `DELETE FROM one_time_names WHERE (realm_id, name) IN
  (SELECT realm_id, name FROM one_time_names WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

interface Claim {
  readonly realmId: string
  readonly name: string
  readonly expiresAt: number
}

/** In one order for all, so that none waits for another that waits for it; of two for the same name the first asked gets it. */
function* claimAll(claims: readonly Claim[]): Unit<readonly boolean[]> {
  const answers: boolean[] = []
  for (const [index, { realmId, name, expiresAt }] of [...claims.entries()].toSorted(([, a], [, b]) => byName(a, b)))
    answers[index] = (yield statement(CLAIM, realmId, name, expiresAt)) === 1
  return answers
}

const byName = (a: Claim, b: Claim): number => compare(a.realmId, b.realmId) || compare(a.name, b.name)
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
