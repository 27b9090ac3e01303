// docs/errors.md against the tables of the code, both ways: no code without its row, no row without its code, and the same status.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  ConfigurationError,
  DISCOVERY_FAILURE_CODES,
  OriginNotAllowed,
  REDIRECT_REFUSALS,
  TOKEN_FAILURE_CODES,
} from '@countersign/call/errors'
import { GUARD_ERRORS } from '@countersign/guard/verdict'
import { OAUTH_ERRORS } from '@countersign/protocol/oauth/error'
import { GATEWAY_ERRORS } from '../packages/server/src/gateway/errors.ts'

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

/** Code and status of each row below a heading. */
function rows(heading: string): Record<string, number> {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? ''
  return Object.fromEntries([...section.matchAll(/^\| `(\w+)`\s*\| (\d{3})\s*\|/gm)].map((row) => [row[1], Number(row[2])]))
}

const statuses = (table: Readonly<Record<string, { readonly status: number }>>): Record<string, number> =>
  Object.fromEntries(Object.entries(table).map(([code, { status }]) => [code, status]))

test('every OAuth error code is on the page with its status, and no other', () => {
  assert.deepEqual(rows('From the issuer'), { ...OAUTH_ERRORS })
})

test('every code of guard and gateway is on the page with its status, and no other', () => {
  assert.deepEqual(rows('From guard and gateway'), { ...statuses(GUARD_ERRORS), ...statuses(GATEWAY_ERRORS) })
})

test('every failure of the client library is on the page, and no other', () => {
  const section = page.split(/^## /m).find((part) => part.startsWith('From the client library')) ?? ''
  const listed = [...section.matchAll(/^\| (\w+)\s*\| `(\w+)`\s*\|/gm)].map((row) => `${row[1]} ${row[2]}`)
  assert.deepEqual(listed, [
    `ConfigurationError ${new ConfigurationError('').code}`,
    ...TOKEN_FAILURE_CODES.map((code) => `TokenRequestFailed ${code}`),
    ...DISCOVERY_FAILURE_CODES.map((code) => `DiscoveryFailed ${code}`),
    `OriginNotAllowed ${new OriginNotAllowed('').code}`,
    ...Object.keys(REDIRECT_REFUSALS).map((reason) => `RedirectRefused ${reason}`),
  ])
})
