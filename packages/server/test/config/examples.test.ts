// The example configurations load, and say what the operator of each should know.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadConfiguration } from '../../src/config/config.ts'

const example = (name: string): string => fileURLToPath(new URL(`../../../../examples/${name}`, import.meta.url))

test('the TypeScript example loads with its secret in the environment and warns of the password grant alone', async () => {
  const env = { ORDERS_PARTNER_SECRET: 'a secret of this test, and long enough' }
  const { configuration, warnings } = await loadConfiguration({ file: example('countersign.config.ts'), env })
  assert.deepEqual(
    configuration.realms[0]?.realm.dialects.map((one) => one.name),
    ['standard', 'old-app'],
  )
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /^realms\[0\]\.clients\[1\]\.grants has 'password'/)
})

test('the JSON example loads with its secrets in the environment and warns of nothing', async () => {
  const env = {
    REPORTS_DASHBOARD_SECRET: 'a secret of this test, and long enough',
    REPORTS_DASHBOARD_API_KEY: 'a key of this test, and long enough',
  }
  const { configuration, warnings } = await loadConfiguration({ file: example('countersign.config.json'), env })
  assert.equal(configuration.realms[0]?.realm.issuer, 'https://auth.example.com/realms/reports')
  assert.deepEqual(
    configuration.realms[0].apiKeys.map((one) => one.expiresAt),
    [2_051_222_400],
  )
  assert.deepEqual(warnings, [])
})
