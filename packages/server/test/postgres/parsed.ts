// A database's URL as the adapter wants it, read by the configuration's own door.
import assert from 'node:assert/strict'
import { resolveDatabase } from '../../src/config/database.ts'
import { noFindings } from '../../src/config/error.ts'
import type { PostgresServer } from '../../src/model/database.ts'

export const parsed = async (url: string): Promise<PostgresServer> => {
  const findings = noFindings()
  const settings = await resolveDatabase(
    { realms: [] },
    { flags: {}, env: { COUNTERSIGN_DATABASE: url }, folder: '.', demo: false },
    findings,
  )
  assert.deepEqual(findings, noFindings())
  assert.ok(settings.kind === 'postgres')
  return settings.server
}
