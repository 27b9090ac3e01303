// Users as rows, found by id or by username.
import type { Act } from '../../model/audit.ts'
import type { UserStore } from '../../model/store.ts'
import type { User } from '../../model/user.ts'
import type { Query, Sql, Unit } from '../sql.ts'
import { ask, each, first, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { acted, changeOf } from './change.ts'
import { raiseRevision } from './counters.ts'

export const userTable = (sql: Sql): UserStore => ({
  find: (realmId, id) => sql.read(find(realmId, id)),
  findByUsername: (realmId, username) => sql.read(query(statement(`${SELECT} AND username = ?`, realmId, username), first(toUser))),
  list: (realmId, after, limit) =>
    sql.read(query(statement(`${SELECT} AND username > ? ORDER BY username LIMIT ?`, realmId, after, limit), each(toUser))),
  put: (user, act) => sql.write(() => put(user, act)),
  remove: (realmId, id, act) => sql.write(() => remove(realmId, id, act)),
})

interface UserRow {
  readonly realm_id: string
  readonly id: string
  readonly username: string
  readonly password_hash: string
  readonly claims: string
  readonly enabled: number
}

const SELECT = 'SELECT realm_id, id, username, password_hash, claims, enabled FROM users WHERE realm_id = ?'

const PUT = `INSERT INTO users (realm_id, id, username, password_hash, claims, enabled) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, id) DO UPDATE SET
    username = excluded.username, password_hash = excluded.password_hash, claims = excluded.claims, enabled = excluded.enabled`

const find = (realmId: string, id: string): Query<User | undefined> => query(statement(`${SELECT} AND id = ?`, realmId, id), first(toUser))

function* put(user: User, act: Act): Unit<void> {
  const { realmId, id } = user
  yield raiseRevision
  const change = changeOf(yield* ask(find(realmId, id)), user)
  if (change === undefined) return
  yield statement(PUT, realmId, id, user.username, user.passwordHash, JSON.stringify(user.claims), user.enabled ? 1 : 0)
  yield* appendAudit([acted(act, realmId, '', 'user.put', { user: id, ...change })])
}

function* remove(realmId: string, id: string, act: Act): Unit<void> {
  yield raiseRevision
  if ((yield statement('DELETE FROM users WHERE realm_id = ? AND id = ?', realmId, id)) === 0) return
  yield* appendAudit([acted(act, realmId, '', 'user.removed', { user: id })])
}

const toUser = (row: UserRow): User => ({
  realmId: row.realm_id,
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  claims: JSON.parse(row.claims) as User['claims'],
  enabled: row.enabled !== 0,
})
