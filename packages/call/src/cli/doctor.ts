// `callsign doctor`: what is wrong with a set-up, step by step, each finding one sentence and its mend.

import { readTarget } from '../authorized_fetch.ts'
import { createClient } from '../client.ts'
import { createMemoryCache } from '../token_cache.ts'
import type { Command, World } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from './connection.ts'
import { clientOptions } from './connection_client.ts'
import type { ConnectionValues } from './connection_profile.ts'
import { resolveConnection } from './connection_profile.ts'
import { examineApi } from './doctor/api.ts'
import { examineBudget } from './doctor/budget.ts'
import { examineCredentials } from './doctor/credentials.ts'
import { examineDiscovery } from './doctor/discovery.ts'
import type { Finding, Patient } from './doctor/finding.ts'
import { fail, ok } from './doctor/finding.ts'
import { examineMachine } from './doctor/machine.ts'
import { examineClock, examineNetwork } from './doctor/network.ts'
import { overhearing } from './doctor/overhear.ts'
import { examineSecrets } from './doctor/secrets.ts'
import { examineToken } from './doctor/token.ts'
import { sentence } from './sentence.ts'
import { tokenFolderCache, unbiased } from './token_folder.ts'
import { visible } from './visible.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'find what is wrong with a set-up, and say the mend',
  help: `Usage: callsign doctor [options]

Goes through a connection step by step: options, secrets, DNS, TCP, TLS, discovery, clock, credentials, the token, the API's answer, the
folder of tokens and the budget. Each finding is one sentence, marked ok, warn or FAIL, with what mends it.
It asks for one new token, which is kept for the next commands; --no-token does without.

  --api URL                call this URL of the API too
  --no-token               ask for no token
  --json                   {"ok": ..., "findings": [{"step", "mark", "says", "mend"}]}

${CONNECTION_HELP}

Exit codes: 0 nothing is broken (there may be warnings), 1 something is, 2 asked wrongly.

Examples:
  callsign doctor --preset willba --demo --api http://127.0.0.1:8080/apis/willba/orders
  callsign doctor --profile production --json
`,
  async run(args, world) {
    const { values, positionals } = readArguments('doctor', args, DOCTOR_OPTIONS)
    if (positionals.length > 0) throw new UsageError('callsign doctor takes options only; the URL of the API is --api URL.')
    const api = values.api === undefined ? undefined : readApi(values.api)
    const findings: Finding[] = []
    for await (const finding of examine(values, { api, noToken: values['no-token'] === true }, world)) {
      findings.push(finding)
      if (!values.json) world.stdout.write(lines(finding))
    }
    const sick = findings.filter(({ mark }) => mark === 'fail').length
    if (values.json) world.stdout.write(`${JSON.stringify({ ok: sick === 0, findings }, null, 2)}\n`)
    else world.stdout.write(summary(sick, findings.filter(({ mark }) => mark === 'warn').length))
    return sick === 0 ? 0 : 1
  },
}

const DOCTOR_OPTIONS = {
  ...CONNECTION_OPTIONS,
  api: { type: 'string' },
  'no-token': { type: 'boolean' },
  json: { type: 'boolean' },
} as const

interface Wishes {
  readonly api: URL | undefined
  readonly noToken: boolean
}

/** The steps in their order; a step that what failed before makes senseless is left out. */
async function* examine(values: ConnectionValues, { api, noToken }: Wishes, world: World): AsyncGenerator<Finding, void, void> {
  const { fetch, heard } = overhearing(world.fetch)
  const watched = { ...world, fetch }
  const patient = await admit(values, watched, heard, api)
  if ('mark' in patient) {
    yield patient
    return
  }
  yield ok('options', 'The options are complete.')
  const secrets = await examineSecrets(patient.connection.profile, world)
  yield* secrets
  const network = await examineNetwork(patient)
  yield* network
  if (!broken(network)) {
    const discovery = await examineDiscovery(patient, { fetch, now: world.now, timeoutMs: 10_000 })
    yield* discovery
    if (!broken([...secrets, ...discovery]) && !noToken) yield* await examineCredentials(patient)
    yield* examineClock(heard, world.now(), usesKeys(patient))
    yield* await examineToken(patient)
    if (api && patient.accessToken !== undefined) yield* await examineApi(patient, api)
  }
  yield* await examineMachine(world)
  if (patient.accessToken !== undefined) yield* await examineBudget(patient)
}

async function admit(values: ConnectionValues, world: World, heard: Patient['heard'], api: URL | undefined): Promise<Patient | Finding> {
  try {
    const connection = await resolveConnection(values, world)
    const cache = unbiased(values['no-cache'] ? createMemoryCache() : tokenFolderCache(world))
    const options = await clientOptions(connection, world, { cached: true, cache })
    const apiOrigins = options.apiOrigins ?? (api === undefined ? [] : [api.origin])
    return { world, connection, options, heard, client: createClient({ ...options, apiOrigins }) }
  } catch (error) {
    return fail('options', sentence(error), 'Mend what it names; callsign token --help tells all options.')
  }
}

function broken(findings: readonly Finding[]): boolean {
  return findings.some(({ mark }) => mark === 'fail')
}

function usesKeys({ connection: { profile } }: Patient): boolean {
  return profile.dpop === true || profile.privateKeyFile !== undefined
}

function readApi(text: string): URL {
  try {
    return readTarget(text)
  } catch {
    throw new UsageError('--api must be an absolute URL without a user or password, like https://api.example.com/orders.')
  }
}

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

function lines({ step, mark, says, mend }: Finding): string {
  // Strangers' words may be in both.
  return `${MARKS[mark]}  ${step.padEnd(12)} ${visible(says, 2000)}\n${mend === undefined ? '' : `${' '.repeat(19)}-> ${visible(mend, 2000)}\n`}`
}

function summary(sick: number, odd: number): string {
  const warnings = odd === 0 ? '' : `, ${odd} to look at`
  return sick === 0 ? `\nNothing is broken${warnings}.\n` : `\n${sick} to mend${warnings}.\n`
}
