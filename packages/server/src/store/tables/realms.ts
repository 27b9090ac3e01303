// Realms as rows: one JSON document each, found by id.
import type { Act } from '../../model/audit.ts'
import type { Bystanders, NodeSeen } from '../../model/nodes.ts'
import type { Realm } from '../../model/realm.ts'
import type { RealmStore } from '../../model/store.ts'
import type { Query, Sql, Unit } from '../sql.ts'
import { ask, each, first, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { acted, changeOf } from './change.ts'
import { raiseRevision, raiseRevisionAlone } from './counters.ts'
import { nodesSeen } from './nodes.ts'

export const realmTable = (sql: Sql): RealmStore => ({
  find: (id) => sql.read(find(id)),
  list: () => sql.read(query(statement('SELECT document FROM realms ORDER BY id'), each(toRealm))),
  put: (realm, act) => sql.write(() => put(realm, act)),
  claim: (realm, act, bystanders) => sql.write(() => claim(realm, act, bystanders)),
  remove: (id, act) => sql.write(() => remove(id, act)),
})

const PUT = 'INSERT INTO realms (id, document) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document'

/** Clients, secrets, API keys, users and signing keys follow their realm by foreign key. What was used and what happened stays. */
const REMOVE = [
  'DELETE FROM reusable_tokens WHERE realm_id = ?',
  'DELETE FROM refresh_families WHERE realm_id = ?',
  'DELETE FROM opaque_tokens WHERE realm_id = ?',
  'DELETE FROM one_time_names WHERE realm_id = ?',
  'DELETE FROM revocations WHERE realm_id = ?',
]

const find = (id: string): Query<Realm | undefined> => query(statement('SELECT document FROM realms WHERE id = ?', id), first(toRealm))

function* claim(realm: Realm, act: Act, { self, silent }: Bystanders): Unit<boolean> {
  // Whoever else changes this realm, or enters, has done it before or does it after.
  yield raiseRevision
  const before = yield* ask(find(realm.id))
  if (before !== undefined && before.issuer !== realm.issuer) {
    const isBystander = ({ id, beat }: NodeSeen): boolean => id === self || silent.some((one) => one.id === id && one.beat === beat)
    if (!(yield* ask(nodesSeen)).every(isBystander)) return false
  }
  yield* put(realm, act)
  return true
}

function* put(realm: Realm, act: Act): Unit<void> {
  yield raiseRevision
  const change = changeOf(yield* ask(find(realm.id)), realm)
  if (change === undefined) return
  yield statement(PUT, realm.id, JSON.stringify(realm))
  yield* appendAudit([acted(act, realm.id, '', 'realm.put', change)])
}

function* remove(id: string, act: Act): Unit<void> {
  yield raiseRevisionAlone
  for (const text of REMOVE) yield statement(text, id)
  if ((yield statement('DELETE FROM realms WHERE id = ?', id)) === 1) yield* appendAudit([acted(act, id, '', 'realm.removed', {})])
}

/** What documents written by earlier releases do not say. */
const EARLIER: Pick<Realm, 'reuse' | 'trustedIssuers' | 'keyRotation'> = {
  reuse: { share: 'off' },
  trustedIssuers: [],
  keyRotation: { every: null, publishAhead: 86_400 },
}

const toRealm = (row: { readonly document: string }): Realm => ({ ...EARLIER, ...(JSON.parse(row.document) as Realm) })
