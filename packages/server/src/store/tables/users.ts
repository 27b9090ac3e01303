// Users as rows, found by id or by username.
import type { UserStore } from '../../model/store.ts'
import type { User } from '../../model/user.ts'
import type { Sql } from '../sql.ts'
import { each, first, query, statement } from '../sql.ts'
import { raiseRevision } from './counters.ts'

export const userTable = (sql: Sql): UserStore => ({
  find: (realmId, id) => sql.read(query(statement(`${SELECT} AND id = ?`, realmId, id), first(toUser))),
  findByUsername: (realmId, username) => sql.read(query(statement(`${SELECT} AND username = ?`, realmId, username), first(toUser))),
  list: (realmId, after, limit) =>
    sql.read(query(statement(`${SELECT} AND username > ? ORDER BY username LIMIT ?`, realmId, after, limit), each(toUser))),
  put: (user) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement(PUT, user.realmId, user.id, user.username, user.passwordHash, JSON.stringify(user.claims), user.enabled ? 1 : 0)
    }),
  remove: (realmId, id) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement('DELETE FROM users WHERE realm_id = ? AND id = ?', realmId, id)
    }),
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

const toUser = (row: UserRow): User => ({
  realmId: row.realm_id,
  id: row.id,
  username: row.username,
  passwordHash: row.password_hash,
  claims: JSON.parse(row.claims) as User['claims'],
  enabled: row.enabled !== 0,
})
