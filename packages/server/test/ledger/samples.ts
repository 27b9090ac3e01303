// Valid charges for the ledger's tests: each call gives one, with what the test wants different.
import type { Charge, Meter, Span, UsageRow } from '../../src/model/ledger.ts'

export const METER: Meter = { account: 'wave/app', name: 'tokens' }

/** November 2026, UTC. */
export const NOVEMBER: Span = { start: 1_793_491_200, end: 1_796_083_200 }
export const DECEMBER: Span = { start: 1_796_083_200, end: 1_798_761_600 }

export const charge = (but: Partial<Charge> = {}): Charge => {
  const span = but.span ?? NOVEMBER
  return {
    meter: METER,
    units: 1,
    limit: 1000,
    origin: { day: '2026-11-21', address: '192.0.2.1', userAgent: 'curl/8' },
    now: span.start,
    ...but,
    span,
  }
}

export const sum = (rows: readonly UsageRow[]): number => rows.reduce((total, row) => total + row.units, 0)
