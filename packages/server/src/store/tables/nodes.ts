// Nodes and their lease as rows. One statement tells a node all that it must know to be up to date.
import type { Lease, NodeSeen, Nodes, Sight } from '../../model/nodes.ts'
import type { Sql, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { holdRevision } from './counters.ts'

export const nodeTable = (sql: Sql): Nodes => ({
  look: () => sql.read(sight),
  enter: (id, startedAt) => sql.write(() => enter(id, startedAt)),
  beat: (id, startedAt, claim) => sql.write(() => beat(id, startedAt, claim)),
  leave: (id) => sql.write(() => leave(id)),
  forget: (silent) => sql.write(() => forget(silent)),
})

interface SightRow {
  readonly kind: 'counter' | 'lease' | 'node'
  readonly name: string
  readonly value: number
  readonly holder: string
}

const LOOK = `SELECT 'counter' AS kind, name, value, '' AS holder FROM counters WHERE name IN ('revision', 'revocation')
  UNION ALL SELECT 'lease', name, beat, holder FROM leases WHERE name = 'leader'
  UNION ALL SELECT 'node', id, beat, '' FROM nodes`

const SIGN = 'INSERT INTO nodes (id, started_at, beat) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET beat = nodes.beat + 1'

// Only its holder writes the lease in the normal course, so that nobody waits for its row.
const RENEW = "UPDATE leases SET beat = beat + 1 WHERE name = 'leader' AND holder = ?"
const TAKE_OVER = "UPDATE leases SET beat = beat + 1, holder = ? WHERE name = 'leader' AND holder = ? AND beat = ?"
const FIRST = "INSERT INTO leases (name, holder, beat) VALUES ('leader', ?, 1) ON CONFLICT (name) DO NOTHING"
const LET_GO = "UPDATE leases SET beat = beat + 1, holder = '' WHERE name = 'leader' AND holder = ?"

function* enter(id: string, startedAt: number): Unit<void> {
  yield holdRevision
  yield statement(SIGN, id, startedAt)
}

function* beat(id: string, startedAt: number, claim: Lease | undefined): Unit<boolean> {
  yield statement(SIGN, id, startedAt)
  if (claim === undefined) return false
  if (claim.holder === id) return (yield statement(RENEW, id)) === 1
  if ((yield statement(TAKE_OVER, id, claim.holder, claim.beat)) === 1) return true
  return claim.beat === 0 && (yield statement(FIRST, id)) === 1
}

function* leave(id: string): Unit<void> {
  yield statement('DELETE FROM nodes WHERE id = ?', id)
  yield statement(LET_GO, id)
}

function* forget(silent: readonly NodeSeen[]): Unit<number> {
  let removed = 0
  for (const one of silent) removed += yield statement('DELETE FROM nodes WHERE id = ? AND beat = ?', one.id, one.beat)
  return removed
}

export const nodesSeen = query(
  statement('SELECT id, beat FROM nodes'),
  each((row: NodeSeen): NodeSeen => row),
)

const sight = query(statement(LOOK), (rows: readonly SightRow[]): Sight => {
  const counter = (name: string): number => rows.find((row) => row.kind === 'counter' && row.name === name)?.value ?? 0
  const lease = rows.find((row) => row.kind === 'lease')
  return {
    revision: counter('revision'),
    revocation: counter('revocation'),
    nodes: rows.filter((row) => row.kind === 'node').map(({ name, value }) => ({ id: name, beat: value })),
    lease: { holder: lease?.holder ?? '', beat: lease?.value ?? 0 },
  }
})
