// docs/configuration.md against the operator's types, both ways: no member without its row, no row without its member.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const page = read('docs/configuration.md')
const types = ['input', 'input_listen', 'input_telemetry', 'plan_input']
  .map((name) => read(`packages/server/src/config/${name}.ts`))
  .join('\n')

/** Heading of the page for each interface. */
const SECTIONS: Readonly<Record<string, string>> = {
  ConfigInput: 'The file',
  ListenInput: 'listen',
  WithoutDatabaseInput: 'withoutDatabase',
  AuditInput: 'audit',
  LogInput: 'log',
  TelemetryInput: 'telemetry',
  RealmInput: 'A realm',
  AudienceInput: 'An audience',
  ClientInput: 'A client',
  ApiKeyInput: 'An API key',
  PlanInput: 'A plan',
  QuotaInput: 'A token budget',
  RateInput: 'A rate',
  RequestPlanInput: 'Requests',
  VolumeInput: 'A volume',
  ExchangeInput: 'An exchange',
  TrustedIssuerInput: 'A trusted issuer',
  WorkloadInput: 'A workload',
  KeyRotationInput: 'Key rotation',
  UserInput: 'A user',
  ApiInput: 'An API',
  ApiRouteInput: 'A route',
  ForwardAuthInput: 'Forward-auth',
}

function members(name: string): string[] {
  const body = new RegExp(`interface ${name} \\{\\n([\\s\\S]*?)\\n\\}`).exec(types)?.[1] ?? ''
  return [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((member) => member[1] ?? '')
}

function rows(heading: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const firstCells = [...section.matchAll(/^\| (`[^|]*)\|/gm)].map((row) => row[1] ?? '')
  return firstCells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map((name) => name[1] ?? ''))
}

/** Between the supervisor and its workers, and a name that `init` proposes. */
const NOT_SETTINGS = ['COUNTERSIGN_WORKER_PORT', 'COUNTERSIGN_WORKER_UPSTREAM', 'COUNTERSIGN_MASTER_KEY']

test('every environment variable of the server is on the page, and no other', () => {
  const source = new URL('../packages/server/src/', import.meta.url)
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  const text = files.map((path) => readFileSync(new URL(path, source), 'utf8')).join('\n')
  const named = new Set([...text.matchAll(/COUNTERSIGN_[A-Z_]+/g)].map(([name]) => name))
  assert.deepEqual(rows('The environment').sort(), [...named].filter((name) => !NOT_SETTINGS.includes(name)).sort())
})

test('there are no other interfaces than those the page has a section for', () => {
  const all = [...types.matchAll(/interface (\w+) \{/g)].map((found) => found[1] ?? '')
  assert.deepEqual(all.sort(), Object.keys(SECTIONS).sort())
})

for (const [name, heading] of Object.entries(SECTIONS)) {
  test(`every member of ${name} is on the page, and no other`, () => {
    assert.ok(members(name).length > 0)
    assert.deepEqual(rows(heading).sort(), members(name).sort())
  })
}
