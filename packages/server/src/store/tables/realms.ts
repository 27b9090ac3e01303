// Realms as rows: one JSON document each, found by id.
import type { Realm } from '../../model/realm.ts'
import type { RealmStore } from '../../model/store.ts'
import type { Sql } from '../sql.ts'
import { each, first, query, statement } from '../sql.ts'
import { raiseRevision } from './counters.ts'

export const realmTable = (sql: Sql): RealmStore => ({
  find: (id) => sql.read(query(statement('SELECT document FROM realms WHERE id = ?', id), first(toRealm))),
  list: () => sql.read(query(statement('SELECT document FROM realms ORDER BY id'), each(toRealm))),
  put: (realm) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement(PUT, realm.id, JSON.stringify(realm))
    }),
  remove: (id) =>
    sql.write(function* () {
      yield raiseRevision
      for (const text of REMOVE) yield statement(text, id)
    }),
})

const PUT = 'INSERT INTO realms (id, document) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document'

/** Clients, secrets, API keys, users and signing keys follow their realm by foreign key. */
const REMOVE = [
  'DELETE FROM refresh_families WHERE realm_id = ?',
  'DELETE FROM opaque_tokens WHERE realm_id = ?',
  'DELETE FROM revocations WHERE realm_id = ?',
  'DELETE FROM realms WHERE id = ?',
]

const toRealm = (row: { readonly document: string }): Realm => JSON.parse(row.document) as Realm
