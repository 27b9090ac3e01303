// What durability costs on this disk: commits of bare SQLite, with and without a flush for each, nothing of ours around them.
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { progress, progressDone, say, table } from '../report.ts'
import { median } from '../statistics.ts'
import type { LedgerPlan } from './plan.ts'

export interface CommitRow {
  /** `FULL`: on the disk before the commit returns; `NORMAL`: a power cut may cost the last ones; `OFF`: nothing is ever waited for. */
  readonly synchronous: 'FULL' | 'NORMAL' | 'OFF'
  /** Microseconds of one commit with one row, and with 64 for each of the 64. */
  readonly aloneMicros: number
  readonly sharedMicros: number
}

const TOGETHER = 64

export async function measureCommits({ commits }: LedgerPlan): Promise<CommitRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  try {
    if ((await statfs(folder)).type === TMPFS)
      say(`\n${folder} is in memory: what is flushed there costs nothing. Set TMPDIR to a folder on a disk.`)
    const rows: CommitRow[] = []
    for (const synchronous of ['FULL', 'NORMAL', 'OFF'] as const) {
      progress(`commits with synchronous=${synchronous}`)
      const db = open(join(folder, `${synchronous}.db`), synchronous)
      rows.push({ synchronous, aloneMicros: commitMicros(db, 1, commits), sharedMicros: commitMicros(db, TOGETHER, commits) / TOGETHER })
      db.close()
    }
    progressDone()
    say('\nA commit of bare SQLite on this disk, microseconds for a row')
    say(
      table(
        ['', 'one alone', `${TOGETHER} together`],
        rows.map((row) => [`synchronous=${row.synchronous}`, row.aloneMicros, row.sharedMicros]),
      ),
    )
    return rows
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** TMPFS_MAGIC of statfs(2). */
const TMPFS = 0x01021994

function open(file: string, synchronous: CommitRow['synchronous']): DatabaseSync {
  const db = new DatabaseSync(file)
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT) STRICT`)
  return db
}

/** About what an audit row holds. */
const TEXT = 'x'.repeat(250)

function commitMicros(db: DatabaseSync, rows: number, commits: number): number {
  const insert = db.prepare('INSERT INTO rows (text) VALUES (?)')
  const once = (): number => {
    const began = performance.now()
    db.exec('BEGIN IMMEDIATE')
    for (let row = 0; row < rows; row++) insert.run(TEXT)
    db.exec('COMMIT')
    return (performance.now() - began) * 1000
  }
  for (let warmup = 0; warmup < 20; warmup++) once()
  return median(Array.from({ length: commits }, once))
}
