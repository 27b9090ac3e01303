// What a dump is and what was counted of it: rows and digests by table, and what a restore's report wants to know. Reads nothing.
import { createHash } from 'node:crypto'
import { DUMPED_COUNTERS } from './dump_tables.ts'
import type { SqlValue } from './sql.ts'

export interface TableDigest {
  readonly name: string
  readonly rows: number
  /** SHA-256 over its lines, hex. */
  readonly digest: string
}

export interface DumpHead {
  readonly format: number
  /** Version of the schema it was read from. */
  readonly schema: number
  /** ISO 8601, UTC. */
  readonly created: string
  /** `countersign 0.1.0` */
  readonly program: string
  readonly tables: readonly { readonly name: string; readonly columns: readonly string[] }[]
}

export interface DumpSummary {
  readonly head: DumpHead
  readonly tables: readonly TableDigest[]
  /** Number and time (epoch seconds) of the newest audit row; undefined: there is none. */
  readonly newestAudit: { readonly sequence: number; readonly at: number } | undefined
  /** By name. */
  readonly counters: ReadonlyMap<string, number>
}

/** Counts and digests of the table that is read now, and what the report wants to know of its rows. */
export class DumpCount {
  readonly tables: TableDigest[] = []
  #table: { readonly name: string } | undefined
  #digest = createHash('sha256')
  #last = ''
  #newestAudit: DumpSummary['newestAudit']
  readonly #counters = new Map<string, number>()
  rows = 0

  begin(table: { readonly name: string }): void {
    this.#table = table
    this.#digest = createHash('sha256')
    this.rows = 0
    this.#last = ''
  }

  row(row: readonly SqlValue[]): string {
    const text = JSON.stringify(row)
    this.line(text)
    return text
  }

  line(text: string): void {
    this.#digest.update(text).update('\n')
    this.rows += 1
    this.#last = text
    if (this.#table?.name !== 'counters') return
    const [name, value] = JSON.parse(text) as SqlValue[]
    if (DUMPED_COUNTERS.some((one) => one === name)) this.#counters.set(String(name), Number(value))
  }

  end(): void {
    const name = this.#table?.name ?? ''
    this.tables.push({ name, rows: this.rows, digest: this.#digest.digest('hex') })
    if (name !== 'audit_rows' || this.rows === 0) return
    const [sequence, at] = JSON.parse(this.#last) as SqlValue[]
    this.#newestAudit = { sequence: Number(sequence), at: Number(at) }
  }

  summary(head: DumpHead): DumpSummary {
    return { head, tables: this.tables, newestAudit: this.#newestAudit, counters: this.#counters }
  }
}
