// Where a fault test keeps its state: a PostgreSQL that can be killed, frozen and filled up, or a file of SQLite.
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import type { Ask } from './facts.ts'
import type { Victim } from './faults.ts'
import type { Way } from './way.ts'
import { startWay } from './way.ts'

export interface Place {
  /** Flags that name the database directly: for commands. */
  readonly where: readonly string[]
  /** The same for each node, by its own way. */
  readonly whereOf: (node: number) => readonly string[]
  readonly ways: readonly Way[]
  readonly database?: Victim | undefined
  readonly ask: Ask
  /** Why there is no disk that can be filled up. */
  readonly noDisk?: string
  close(): Promise<void>
}

/** Bytes of the disk: PostgreSQL's own files take a quarter of it. */
const DISK_MEGABYTES = 400

export async function onPostgres(nodes: number, { smallDisk = false } = {}): Promise<Place> {
  if (noPostgres !== false) throw new Error(noPostgres)
  const disk = smallDisk ? mountDisk() : undefined
  const temporary = process.env['TMPDIR']
  if (disk !== undefined) process.env['TMPDIR'] = disk.folder
  const ends: (() => Promise<void>)[] = []
  const server = await startPostgres({ after: (act) => void ends.push(act) }).finally(() => {
    if (temporary === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = temporary
  })
  const url = await server.createDatabase()
  const ways = await Promise.all(Array.from({ length: nodes }, () => startWay(server.port)))
  return {
    where: ['--database', url],
    whereOf: (node) => ['--database', url.replace(`:${server.port}/`, `:${ways[node]?.port}/`)],
    ways,
    database: { kill: () => server.kill(), start: () => server.start(), freeze: () => server.freeze(), disk },
    ask: (sql) => server.run(sql, new URL(url).pathname.slice(1)),
    ...(smallDisk && disk === undefined && { noDisk: 'only root on Linux can mount a small disk' }),
    close: async () => {
      await Promise.all(ways.map((way) => way.close()))
      for (const end of ends) await end()
      disk?.unmount()
    },
  }
}

export function onSqlite(folder: string): Place {
  const where = ['--data', folder]
  return {
    where,
    whereOf: () => where,
    ways: [],
    ask: async (sql) => {
      const database = new DatabaseSync(join(folder, 'countersign.db'), { readOnly: true })
      try {
        return database.prepare(sql).all()
      } finally {
        database.close()
      }
    },
    close: () => Promise.resolve(),
  }
}

interface Disk extends NonNullable<Victim['disk']> {
  readonly folder: string
  unmount(): void
}

function mountDisk(): Disk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'countersign-chaos-disk-'))
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m,mode=755`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  const ballast = join(folder, 'ballast')
  const unmount = (): void => {
    if (!existsSync(folder)) return
    execFileSync('/bin/umount', ['-l', folder], { stdio: 'pipe' })
    rmSync(folder, { recursive: true })
  }
  process.once('exit', unmount)
  return {
    folder,
    fill: () => fillUp(ballast),
    free: () => rmSync(ballast, { force: true }),
    unmount,
  }
}

const BLOCK = Buffer.alloc(65_536, 1)

function fillUp(file: string): void {
  const descriptor = openSync(file, 'a')
  try {
    while (true) writeSync(descriptor, BLOCK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(descriptor)
  }
}
