// How many processes share the listener, and what guards do while the database is away.
import { availableParallelism } from 'node:os'
import type { DatabaseSettings } from '../model/database.ts'
import type { Findings } from './error.ts'
import type { ConfigInput } from './input.ts'
import { lifetime } from './lifetime.ts'
import type { ListenSource } from './listen.ts'

/** More than any machine has use for. */
const MOST_WORKERS = 128

/** 1: the process that was started does the work itself. */
export function resolveWorkers(
  input: ConfigInput,
  { flags, env }: Pick<ListenSource, 'flags' | 'env'>,
  { kind }: Pick<DatabaseSettings, 'kind'>,
  { mistakes }: Findings,
): number {
  const settings = [
    ['--workers', flags.workers],
    ['COUNTERSIGN_WORKERS', env['COUNTERSIGN_WORKERS']],
    ['listen.workers', input.listen?.workers],
  ] as const
  const [path, value] = settings.find(([, written]) => written !== undefined && written !== '') ?? ['', 1]
  const text = String(value)
  const workers = text === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : wholeOf(text)
  if (workers < 1 || workers > MOST_WORKERS) {
    mistakes.push({ path, message: `must be a whole number from 1 to ${MOST_WORKERS}, or auto for one on each core` })
    return 1
  }
  if (workers === 1 || kind !== 'memory') return workers
  mistakes.push({
    path,
    message: `is ${text}, but state in memory is each process's own: name a database with --data DIR or --database URL`,
  })
  return 1
}

/** 0 for what is no number. */
function wholeOf(text: string): number {
  return /^[0-9]{1,3}$/.test(text) ? Number(text) : 0
}

/** Seconds; null: however long the database is away. */
export function resolveGuardsTrust({ withoutDatabase }: ConfigInput): number | null {
  return withoutDatabase?.guardsTrust === undefined ? null : lifetime(withoutDatabase.guardsTrust)
}
