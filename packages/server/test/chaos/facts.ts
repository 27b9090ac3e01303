// What the database says when all is over, read with the same SQL from either engine.
import type { Facts } from './seen.ts'

export type Ask = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

export async function readFacts(ask: Ask): Promise<Facts> {
  const windows = await ask(
    'SELECT account, meter, window_start, SUM(units) AS units FROM ledger WHERE window_end IS NOT NULL GROUP BY account, meter, window_start',
  )
  const tokens = await ask('SELECT hash, family_id, used_at FROM refresh_tokens')
  const families = await ask('SELECT id FROM refresh_families WHERE revoked_at IS NOT NULL')
  const revoked = await ask("SELECT value FROM revocations WHERE kind = 'jti'")
  const audit = await ask("SELECT detail FROM audit_rows WHERE event = 'token.revoked' OR event = 'token.replayed'")
  const clients = await ask('SELECT client_id, document FROM clients')
  const secrets = await ask('SELECT client_id, hash FROM client_secrets WHERE expires_at IS NULL')
  return {
    windows: windows.map((row) => ({
      account: text(row, 'account'),
      meter: text(row, 'meter'),
      start: Number(row['window_start']),
      units: Number(row['units']),
    })),
    refreshTokens: new Map(tokens.map((row) => [text(row, 'hash'), { family: text(row, 'family_id'), isUsed: row['used_at'] !== null }])),
    revokedFamilies: new Set(families.map((row) => text(row, 'id'))),
    revoked: new Set(revoked.map((row) => text(row, 'value'))),
    audited: new Set(audit.flatMap((row) => namesIn(text(row, 'detail')))),
    clients: new Map(
      clients.map((row) => {
        const id = text(row, 'client_id')
        const { enabled } = JSON.parse(text(row, 'document')) as { enabled: boolean }
        const live = secrets.filter((one) => one['client_id'] === id).map((one) => text(one, 'hash'))
        return [id, { enabled, liveSecrets: new Set(live) }]
      }),
    ),
  }
}

const text = (row: Readonly<Record<string, unknown>>, column: string): string => String(row[column])

function namesIn(detail: string): string[] {
  const { jti, family } = JSON.parse(detail) as { jti?: string; family?: string }
  return [jti, family].filter((name) => name !== undefined)
}
