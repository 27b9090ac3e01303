// One client of a realm with its rights and API keys, from the operator's words to the model. RFC 6749 section 2.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import { TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import { resolveApiKeys } from './api_key.ts'
import type { SealingSource } from './client_auth.ts'
import { isPublic, resolveClientAuth } from './client_auth.ts'
import type { DelegationFacts } from './delegation.ts'
import { checkDelegation, resolveExchanges, resolveWorkloads } from './delegation.ts'
import type { Findings } from './error.ts'
import { readGrantNames, shortGrantName } from './grant_name.ts'
import type { ClientInput } from './input.ts'
import { lifetime } from './lifetime.ts'
import { named } from './named.ts'
import { resolvePlan, resolveReuse } from './plan.ts'

/** Grants a client may use: those it names, or client_credentials. */
export function grantsOf({ grants }: ClientInput): readonly GrantType[] {
  return grants === undefined ? ['client_credentials'] : readGrantNames(grants)
}

/** What a client may name of its realm. */
export interface RealmFacts extends DelegationFacts {
  readonly id: string
  readonly grants: readonly GrantType[]
}

export interface ClientSetup {
  readonly client: Client
  readonly apiKeys: readonly ApiKey[]
}

export async function resolveClient(
  input: ClientInput,
  path: string,
  realm: RealmFacts,
  source: SealingSource,
  findings: Findings,
): Promise<ClientSetup> {
  const grants = grantsOf(input)
  const audiences = input.audiences ?? realm.audiences
  const scopes = input.scopes ?? []
  checkRights(input, path, realm, findings)
  checkGrants(input, path, grants, source.demo, findings)
  checkDelegation(input, path, grants, findings)
  const client: Client = {
    realmId: realm.id,
    clientId: input.clientId,
    origin: 'configuration',
    displayName: input.displayName ?? input.clientId,
    ...(await resolveClientAuth(input, path, realm.id, source, findings)),
    grants,
    scopes,
    defaultScopes: input.defaultScopes ?? scopes,
    audiences,
    defaultAudience: input.defaultAudience === undefined ? onlyOne(audiences) : input.defaultAudience,
    tokenFormat: input.tokenFormat ?? 'jwt',
    accessTokenLifetime: input.accessTokenLifetime === undefined ? null : lifetime(input.accessTokenLifetime),
    plan: resolvePlan(input.plan, `${path}.plan`, findings),
    reuse: input.reuse === undefined ? null : resolveReuse(input.reuse),
    exchanges: resolveExchanges(input, path, realm, { scopes, audiences }, findings),
    workloads: resolveWorkloads(input, path, realm, findings),
    dpop: input.dpop ?? 'optional',
    introspects: input.introspects ?? false,
    enabled: true,
  }
  return { client, apiKeys: await resolveApiKeys(input, path, realm.id, source, findings) }
}

/** The entry of a list that has exactly one; else null. */
export function onlyOne(list: readonly string[]): string | null {
  return list.length === 1 ? (list[0] ?? null) : null
}

function checkRights(input: ClientInput, path: string, realm: RealmFacts, { mistakes }: Findings): void {
  named(grantsOf(input).map(shortGrantName), `${path}.grants`, realm.grants.map(shortGrantName), 'is no grant of the realm', mistakes)
  named(input.scopes, `${path}.scopes`, realm.scopes, 'is no scope of the realm', mistakes)
  named(input.defaultScopes, `${path}.defaultScopes`, input.scopes ?? [], "is not among the client's scopes", mistakes)
  named(input.audiences, `${path}.audiences`, realm.audiences, 'is no audience of the realm', mistakes)
  const own = input.audiences ?? realm.audiences
  const { defaultAudience } = input
  if (typeof defaultAudience === 'string') {
    named([defaultAudience], `${path}.defaultAudience`, own, "is not among the client's audiences", mistakes, false)
  }
}

function checkGrants(
  input: ClientInput,
  path: string,
  grants: readonly GrantType[],
  demo: boolean,
  { mistakes, warnings }: Findings,
): void {
  const place = `${path}.grants`
  if (isPublic(input) && grants.includes('client_credentials')) {
    const message =
      'has client_credentials, which RFC 6749 section 4.4 keeps for confidential clients: give the client a secret or another grant'
    mistakes.push({ path: place, message })
  }
  if (isPublic(input) && grants.includes(TOKEN_EXCHANGE)) {
    const message =
      'has token_exchange, by which a public client would renew any stolen token (RFC 8693 section 5): give the client a secret'
    mistakes.push({ path: place, message })
  }
  if (grants.includes('password') && !demo) {
    const message = "has 'password': RFC 9700 section 2.4 forbids it to new clients, so keep it for old ones only"
    warnings.push({ path: place, message })
  }
}
