// The Store over any Sql: puts the tables together, and sweeps them in bounded steps. Owns no statement and no engine.
import type { Store } from '../model/store.ts'
import type { Sql, Statement, Unit } from './sql.ts'
import { accessTokenTable, sweepAccessTokens } from './tables/access_tokens.ts'
import { apiKeyTable, sweepApiKeys } from './tables/api_keys.ts'
import { auditTable } from './tables/audit.ts'
import { clientTable } from './tables/clients.ts'
import { probe, revision } from './tables/counters.ts'
import { issuingTable } from './tables/issuing.ts'
import { meteringTable } from './tables/metering.ts'
import { nodeTable } from './tables/nodes.ts'
import { oneTimeNameTable, sweepOneTimeNames } from './tables/one_time_names.ts'
import { realmTable } from './tables/realms.ts'
import { refreshTokenTable, sweepRefreshTokens } from './tables/refresh_tokens.ts'
import { sweepSlots } from './tables/reusable_tokens.ts'
import { secretTable, sweepSecrets } from './tables/secrets.ts'
import { signingKeyTable } from './tables/signing_keys.ts'
import { userTable } from './tables/users.ts'

/** Closing the store closes the Sql. */
export const sqlStore = (sql: Sql): Store => ({
  realms: realmTable(sql),
  clients: clientTable(sql),
  users: userTable(sql),
  apiKeys: apiKeyTable(sql),
  signingKeys: signingKeyTable(sql),
  refreshTokens: refreshTokenTable(sql),
  accessTokens: accessTokenTable(sql),
  secrets: secretTable(sql),
  replays: oneTimeNameTable(sql),
  issuing: issuingTable(sql),
  audit: auditTable(sql),
  metering: meteringTable(sql),
  nodes: nodeTable(sql),
  revision: () => sql.read(revision),
  sweep: (now) => sweep(sql, now),
  ready: () => sql.write(probe),
  close: () => sql.close(),
})

/** Rows one statement removes, so that no sweep holds the write lock for long. */
const CHUNK = 1000

const sweep = async (sql: Sql, now: number): Promise<number> => {
  const tokens = [
    ...sweepRefreshTokens(now, CHUNK),
    ...sweepAccessTokens(now, CHUNK),
    sweepSlots(now, CHUNK),
    sweepOneTimeNames(now, CHUNK),
  ]
  let removed = 0
  for (const step of [...tokens.map(once), () => sweepSecrets(now, CHUNK), () => sweepApiKeys(now, CHUNK)]) {
    let changed: number
    do {
      changed = await sql.write(step)
      removed += changed
    } while (changed === CHUNK)
  }
  return removed
}

const once = (step: Statement) =>
  function* (): Unit<number> {
    return yield step
  }
