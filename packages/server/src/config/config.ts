// The configuration's door: what operators import (`defineConfig`), and what start-up calls (`loadConfiguration`).
// The parts are resolved by the files beside this one; the schema is loaded only when there is a file to check.
import { dirname, resolve } from 'node:path'
import type { Configuration, RealmSetup } from '../model/configuration.ts'
import { checkHosts, resolveApis } from './api.ts'
import type { SealingSource } from './client_auth.ts'
import { resolveDatabase } from './database.ts'
import type { DemoOptions } from './demo.ts'
import { demoConfig } from './demo.ts'
import { createDialectReader } from './dialect_documents.ts'
import type { Findings } from './error.ts'
import { ConfigError, findTwice, noFindings, sentence } from './error.ts'
import type { ConfigInput } from './input.ts'
import { lifetime } from './lifetime.ts'
import type { Flags } from './listen.ts'
import { resolveListening } from './listen.ts'
import { resolveRealm, withIssuer } from './realm.ts'
import type { Environment, SecretSource } from './secret.ts'
import { readMasterKey } from './secret.ts'
import { readSwitch, resolveTelemetry } from './telemetry.ts'
import { originOf } from './url.ts'
import { resolveGuardsTrust, resolveWorkers } from './workers.ts'

export type { ConfigInput } from './input.ts'

/** A year and the weeks in which it is looked at. */
const KEEP_AUDIT = '400d'

/** Gives a configuration file in TypeScript its types; does nothing else. */
export function defineConfig(input: ConfigInput): ConfigInput {
  return input
}

export interface LoadOptions {
  /** Path of a `.ts`, `.mts`, `.js`, `.mjs` or `.json` file. One of `file`, `input` and `demo` is given. */
  readonly file?: string | undefined
  /** A configuration that is there already, checked like a file's; relative paths start at the working folder. */
  readonly input?: unknown
  readonly demo?: DemoOptions | undefined
  readonly flags?: Flags
  readonly env?: Environment
  readonly progress?: Progress
}

/** Told how far it is: `done` of `all` of what is named, in a few words. Called often. */
export type Progress = (what: string, done: number, all: number) => void

export interface LoadedConfiguration {
  readonly configuration: Configuration
  /** Sentences for the operator; nothing that stops the start. */
  readonly warnings: readonly string[]
  /**
   * The configuration for ports that were found at listening (port 0): where the operator gave no public URL, it and the
   * issuers built on it follow the public port.
   */
  readonly atPorts: (port: number, managementPort: number) => Configuration
}

/** @throws ConfigError with one line for each mistake */
export async function loadConfiguration(options: LoadOptions): Promise<LoadedConfiguration> {
  const { file, demo, flags = {}, env = {} } = options
  const input = await readInput(options)
  const folder = file === undefined ? resolve('.') : dirname(resolve(file))
  const findings = noFindings()
  const listenSource = { flags, env, folder, demo: demo !== undefined }
  const listening = resolveListening(input, listenSource, findings)
  const database = await resolveDatabase(input, listenSource, findings)
  const workers = resolveWorkers(input, listenSource, database, findings)
  const telemetry = resolveTelemetry(input, env, findings)
  const changesIssuer = readSwitch('COUNTERSIGN_CHANGE_ISSUER', env, findings) ?? false
  const source: SecretSource = { env, folder, demo: demo !== undefined }
  const masterKey = input.masterKey === undefined ? null : await readMasterKey(input.masterKey, source, findings)
  const setups = await resolveRealms(input, { ...source, masterKey }, findings, options.progress)
  const apis = await resolveApis(input.apis ?? [], setups, input.realms, source, findings)
  checkHosts(input.realms, input.apis ?? [], findings)
  if (database.kind !== 'memory' && input.masterKey === undefined && !demo) {
    findings.warnings.push({
      path: 'masterKey',
      message:
        'is missing: whoever reads the database can sign tokens, so give 32 bytes by { env } or { file }; `openssl rand -hex 32` makes them',
    })
  }

  const audit = { tokens: input.audit?.tokens ?? database.kind !== 'memory', keepSeconds: lifetime(input.audit?.keep ?? KEEP_AUDIT) }
  const guardsTrust = resolveGuardsTrust(input)
  // It must not hold on to the input, which may be large.
  const at = (publicUrl: string, port: number, managementPort: number): Configuration => ({
    listen: { ...listening.listen, port, managementPort, publicUrl, workers },
    database,
    masterKey: masterKey ?? null,
    audit,
    guardsTrust,
    telemetry,
    onOtherIssuer: changesIssuer || !listening.publicUrlGiven ? 'tell' : 'refuse',
    realms: setups.map((setup) => withIssuer(setup, publicUrl)),
    apis,
  })
  const { listen } = listening
  const configuration = at(listen.publicUrl, listen.port, listen.managementPort)
  checkIssuers(configuration.realms, findings)
  if (findings.mistakes.length > 0) throw new ConfigError(findings.mistakes.map(sentence))
  return {
    configuration,
    warnings: findings.warnings.map(sentence),
    atPorts: (port, managementPort) => at(listening.publicUrlGiven ? listen.publicUrl : originOf(listen.host, port), port, managementPort),
  }
}

async function readInput({ file, input, demo }: LoadOptions): Promise<ConfigInput> {
  if (demo) return demoConfig(demo)
  const { checkInput } = await import('./schema.ts')
  if (file === undefined) return checkInput(input)
  const { readConfigFile } = await import('./file.ts')
  return checkInput(await readConfigFile(file))
}

/** Realms whose dialects are mistaken are left out: the mistake is noted, and nothing more can be said of them. */
async function resolveRealms(input: ConfigInput, source: SealingSource, findings: Findings, progress?: Progress): Promise<RealmSetup[]> {
  const setups: RealmSetup[] = []
  const readDialects = createDialectReader()
  for (const [index, realm] of input.realms.entries()) {
    const setup = await resolveRealm(realm, `realms[${index}]`, source, findings, readDialects)
    if (setup) setups.push(setup)
    progress?.('realms of the configuration are read', index + 1, input.realms.length)
  }
  findTwice(
    findings.mistakes,
    input.realms.map((one, index) => ({ path: `realms[${index}].id`, text: one.id })),
    'every realm needs its own',
  )
  return setups
}

function checkIssuers(setups: readonly RealmSetup[], { mistakes }: Findings): void {
  for (const [index, { realm }] of setups.entries()) {
    const own = realm.trustedIssuers.findIndex((one) => one.issuer === realm.issuer)
    const path = `realms[${index}].trustedIssuers[${own}].issuer`
    if (own >= 0) mistakes.push({ path, message: "is the realm's own: its tokens are no proof of a workload, so trust another issuer" })
  }
  // Default issuers differ as their realms' ids do, so a repetition involves one that was written.
  const ids = new Set(setups.map((one) => one.realm.id))
  if (ids.size < setups.length) return
  findTwice(
    mistakes,
    setups.map((one, index) => ({ path: `realms[${index}].issuer`, text: one.realm.issuer })),
    'every realm needs its own',
  )
}
