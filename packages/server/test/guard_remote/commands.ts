// Commands on the data folder of a server that runs: as an operator beside it gives them.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { run } from '../process/program.ts'
import type { Elsewhere } from './elsewhere.ts'

export async function commandLine({ folder }: Elsewhere, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run([...args, '--data', folder]).ended
  assert.equal(code, 0, stderr)
  return stdout
}

/** As `countersign api-key drop` does. */
export async function dropKey({ folder }: Elsewhere, id: string): Promise<void> {
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  try {
    await store.apiKeys.remove('far', id, { at: Math.floor(Date.now() / 1000), by: 'test' })
  } finally {
    await store.close()
  }
}
