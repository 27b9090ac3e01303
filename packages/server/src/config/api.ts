// One guarded API, from the operator's words to the model, and the checks between APIs and realms.
import { compilePolicy } from '@countersign/guard/policy'
import type { Api, ForwardAuth } from '../model/api.ts'
import type { RealmSetup } from '../model/configuration.ts'
import { byteSize } from './byte_size.ts'
import { onlyOne } from './client.ts'
import type { Findings } from './error.ts'
import { findTwice } from './error.ts'
import type { ApiInput, RealmInput } from './input.ts'
import { lifetime } from './lifetime.ts'
import { named } from './named.ts'
import type { SecretSource } from './secret.ts'
import { readSecret } from './secret.ts'
import { upstreamProblem } from './url.ts'

/** Seconds. */
const TIMEOUT = 60

/** @param setups the realms that could be resolved */
export async function resolveApis(
  inputs: readonly ApiInput[],
  setups: readonly RealmSetup[],
  realms: readonly RealmInput[],
  source: SecretSource,
  findings: Findings,
): Promise<Api[]> {
  const apis: Api[] = []
  const known: KnownRealms = { setups: new Map(setups.map((one) => [one.realm.id, one])), ids: realms.map((one) => one.id) }
  for (const [index, input] of inputs.entries()) {
    const path = `apis[${index}]`
    const forwardAuth = await resolveForwardAuth(input, path, source, findings)
    apis.push({ ...resolveApi(input, path, known, findings), forwardAuth })
  }
  const place = (member: string) => (api: Api, index: number) => ({
    path: `apis[${index}].${member}`,
    text: member === 'id' ? api.id : api.prefix,
  })
  findTwice(findings.mistakes, apis.map(place('id')), 'every API needs its own')
  findTwice(findings.mistakes, apis.map(place('prefix')), 'every API needs its own')
  return apis
}

/** No host may stand for two realms or for two APIs; one realm and one API may share one, the realm's paths going first. */
export function checkHosts(realms: readonly RealmInput[], apis: readonly ApiInput[], { mistakes }: Findings): void {
  const places = (owner: string, list: readonly { readonly hosts?: readonly string[] }[]): { path: string; text: string }[] =>
    list.flatMap(({ hosts = [] }, index) =>
      hosts.map((host, at) => ({ path: `${owner}[${index}].hosts[${at}]`, text: host.toLowerCase() })),
    )
  findTwice(mistakes, places('realms', realms), 'a host name leads to one realm')
  findTwice(mistakes, places('apis', apis), 'a host name leads to one API')
}

interface KnownRealms {
  /** By id, those that could be resolved. */
  readonly setups: ReadonlyMap<string, RealmSetup>
  readonly ids: readonly string[]
}

function resolveApi(input: ApiInput, path: string, known: KnownRealms, { mistakes, warnings }: Findings): Omit<Api, 'forwardAuth'> {
  const setup = known.setups.get(input.realm)
  if (!setup) named([input.realm], `${path}.realm`, known.ids, 'is none of the realms', mistakes, false)
  const prefix = input.prefix ?? `/apis/${input.id}`
  if (/^\/realms(?:\/|$)/.test(prefix))
    mistakes.push({ path: `${path}.prefix`, message: 'must not begin with /realms, where the realms answer' })
  const problem = upstreamProblem(input.upstream)
  if (problem !== undefined) mistakes.push({ path: `${path}.upstream`, message: problem })
  if (setup) {
    checkScopes(input, path, setup, mistakes)
    checkCosts(input, path, setup, warnings)
    checkApiKeys(input, path, setup, mistakes)
  }
  checkRoutes(input, path, mistakes)
  return {
    id: input.id,
    realmId: input.realm,
    hosts: (input.hosts ?? []).map((host) => host.toLowerCase()),
    prefix,
    upstream: input.upstream.replace(/\/+$/, ''),
    audience: setup ? resolveAudience(input, path, setup, mistakes) : '',
    apiKey: input.apiKey ?? 'off',
    routes: (input.routes ?? []).map((one) => ({
      methods: (one.methods ?? []).map((name) => name.toUpperCase()),
      path: one.path,
      scopes: one.scopes ?? [],
      cost: one.cost ?? 1,
    })),
    // Whoever names routes means these; without any, a valid token is what an API asks for.
    otherwise: input.otherwise ?? ((input.routes ?? []).length > 0 ? 'deny' : 'authenticated'),
    credentials: input.credentials ?? 'pass',
    assertion: input.assertion ?? false,
    maxBodyBytes: input.maxBodyBytes === undefined ? null : byteSize(input.maxBodyBytes),
    timeout: lifetime(input.timeout ?? TIMEOUT),
    retries: input.retries ?? 1,
    healthPath: input.healthPath ?? null,
  }
}

/** A key that no header can bring would make a guard of nothing. */
function checkApiKeys({ apiKey = 'off' }: ApiInput, path: string, { realm }: RealmSetup, mistakes: Findings['mistakes']): void {
  if (apiKey === 'off' || realm.dialects.some(({ presentation }) => presentation.api_key.length > 0)) return
  const names = realm.dialects.map(({ name }) => `'${name}'`).join(', ')
  mistakes.push({
    path: `${path}.apiKey`,
    message: `needs a dialect with a header for API keys, which ${names} has not: give it presentation.api_key`,
  })
}

async function resolveForwardAuth(
  { forwardAuth = false }: ApiInput,
  path: string,
  source: SecretSource,
  findings: Findings,
): Promise<ForwardAuth | null> {
  if (forwardAuth === false) return null
  if (forwardAuth === true || forwardAuth.secret === undefined) return { secretHash: null }
  const read = await readSecret(forwardAuth.secret, `${path}.forwardAuth.secret`, source, findings)
  return { secretHash: read?.hash ?? null }
}

function resolveAudience(input: ApiInput, path: string, { realm }: RealmSetup, mistakes: Findings['mistakes']): string {
  const known = realm.audiences.map((one) => one.identifier)
  if (input.audience !== undefined) {
    named([input.audience], `${path}.audience`, known, 'is no audience of the realm', mistakes, false)
    return input.audience
  }
  const only = onlyOne(known)
  if (only !== null) return only
  const mend =
    known.length === 0 ? `the realm '${realm.id}' has none yet, so give it audiences first` : `it must be one of ${known.join(', ')}`
  mistakes.push({ path: `${path}.audience`, message: `is missing: ${mend}` })
  return ''
}

function checkScopes(input: ApiInput, path: string, { realm }: RealmSetup, mistakes: Findings['mistakes']): void {
  for (const [index, route] of (input.routes ?? []).entries()) {
    named(route.scopes, `${path}.routes[${index}].scopes`, realm.scopes, 'is no scope of the realm', mistakes)
  }
}

/** A route that costs more than a rate gives at once is closed to whoever has that rate. */
function checkCosts({ routes = [] }: ApiInput, path: string, { realm, clients }: RealmSetup, warnings: Findings['warnings']): void {
  // A rate gives one at least: most APIs need no look at all the clients.
  if (routes.every(({ cost = 1 }) => cost <= 1)) return
  const owned = [...clients.map((one) => ({ plan: one.plan, name: `client '${one.clientId}'` })), { plan: realm.plan, name: 'realm' }]
  const rates = owned.flatMap(({ plan, name }) =>
    plan?.requests?.mode === 'enforce' ? plan.requests.rates.map(({ burst }) => ({ burst, name })) : [],
  )
  for (const [index, { cost = 1 }] of routes.entries()) {
    const tight = rates.find(({ burst }) => burst < cost)
    if (tight === undefined) continue
    const message = `is ${cost}, and a rate of the ${tight.name} gives ${tight.burst} at once: no request of it ever passes there, so raise that burst`
    warnings.push({ path: `${path}.routes[${index}].cost`, message })
  }
}

/** The guard itself says whether it could tell these routes apart. */
function checkRoutes({ routes = [] }: ApiInput, path: string, mistakes: Findings['mistakes']): void {
  try {
    compilePolicy({
      routes: routes.map(({ methods, path: pattern, scopes = [] }) => ({
        ...(methods && { methods: methods.map((one) => one.toUpperCase()) }),
        path: pattern,
        scopes,
      })),
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    mistakes.push({ path: `${path}.routes`, message: `cannot be used: ${error.message}` })
  }
}
