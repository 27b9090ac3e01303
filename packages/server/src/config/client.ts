// One client of a realm with its secrets and API keys, from the operator's words to the model. RFC 6749 section 2.
import { createHash } from 'node:crypto'
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { ApiKey } from '../model/api_key.ts'
import type { Client, ClientAuthMethod, ClientSecret } from '../model/client.ts'
import type { Findings } from './error.ts'
import type { ApiKeyInput, ClientInput } from './input.ts'
import { lifetime, moment } from './lifetime.ts'
import { resolvePlan } from './plan.ts'
import type { SecretSource } from './secret.ts'
import { readSecretHash } from './secret.ts'

export const DEFAULT_GRANTS: readonly GrantType[] = ['client_credentials']

/** What a client may name of its realm. */
export interface RealmFacts {
  readonly id: string
  readonly grants: readonly GrantType[]
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
}

export interface ClientSetup {
  readonly client: Client
  readonly apiKeys: readonly ApiKey[]
}

export async function resolveClient(
  input: ClientInput,
  path: string,
  realm: RealmFacts,
  source: SecretSource,
  findings: Findings,
): Promise<ClientSetup> {
  checkRights(input, path, realm, findings)
  checkAuthentication(input, path, findings)
  if (input.grants?.includes('password') && !source.demo) {
    findings.warnings.push({
      path: `${path}.grants`,
      message: "has 'password': RFC 9700 section 2.4 forbids it to new clients, so keep it for old ones only",
    })
  }
  const audiences = input.audiences ?? realm.audiences
  const scopes = input.scopes ?? []
  const secrets = await resolveSecrets(input, path, source, findings)
  const client: Client = {
    realmId: realm.id,
    clientId: input.clientId,
    displayName: input.displayName ?? input.clientId,
    authMethods: input.authMethods ?? (input.public ? PUBLIC : CONFIDENTIAL),
    secrets,
    grants: input.grants ?? DEFAULT_GRANTS,
    scopes,
    defaultScopes: input.defaultScopes ?? scopes,
    audiences,
    defaultAudience: input.defaultAudience === undefined ? onlyOne(audiences) : input.defaultAudience,
    tokenFormat: input.tokenFormat ?? 'jwt',
    accessTokenLifetime: input.accessTokenLifetime === undefined ? null : lifetime(input.accessTokenLifetime),
    plan: resolvePlan(input.plan),
    introspects: input.introspects ?? false,
    enabled: true,
  }
  return { client, apiKeys: await resolveApiKeys(input, path, realm.id, source, findings) }
}

const CONFIDENTIAL: readonly ClientAuthMethod[] = ['client_secret_basic', 'client_secret_post']
const PUBLIC: readonly ClientAuthMethod[] = ['none']

/** The entry of a list that has exactly one; else null. */
export function onlyOne(list: readonly string[]): string | null {
  return list.length === 1 ? (list[0] ?? null) : null
}

function checkRights(input: ClientInput, path: string, realm: RealmFacts, { mistakes }: Findings): void {
  named(input.grants ?? DEFAULT_GRANTS, `${path}.grants`, realm.grants, 'is no grant of the realm', mistakes)
  named(input.scopes, `${path}.scopes`, realm.scopes, 'is no scope of the realm', mistakes)
  named(input.defaultScopes, `${path}.defaultScopes`, input.scopes ?? [], "is not among the client's scopes", mistakes)
  named(input.audiences, `${path}.audiences`, realm.audiences, 'is no audience of the realm', mistakes)
  const own = input.audiences ?? realm.audiences
  const { defaultAudience } = input
  if (typeof defaultAudience === 'string') {
    named([defaultAudience], `${path}.defaultAudience`, own, "is not among the client's audiences", mistakes, false)
  }
}

/** A mistake for each name that is not among `known`. */
export function named(
  names: readonly string[] | undefined,
  path: string,
  known: readonly string[],
  otherwise: string,
  mistakes: Findings['mistakes'],
  indexed = true,
): void {
  for (const [index, name] of (names ?? []).entries()) {
    if (known.includes(name)) continue
    const choice = known.length > 0 ? known.join(', ') : 'there are none'
    mistakes.push({ path: indexed ? `${path}[${index}]` : path, message: `is '${name}', which ${otherwise} (${choice})` })
  }
}

function checkAuthentication(input: ClientInput, path: string, { mistakes }: Findings): void {
  const { secret, secrets = [], authMethods = [], grants = DEFAULT_GRANTS } = input
  const hasSecret = secret !== undefined || secrets.length > 0
  const isPublic = input.public ?? authMethods.includes('none')
  if (secret !== undefined && input.secrets !== undefined)
    mistakes.push({ path, message: 'has both secret and secrets: put them all into secrets' })
  if (authMethods.includes('none') && authMethods.length > 1)
    mistakes.push({ path: `${path}.authMethods`, message: "has 'none' beside others: it stands alone" })
  if (input.public !== undefined && authMethods.length > 0 && input.public !== authMethods.includes('none')) {
    mistakes.push({ path: `${path}.authMethods`, message: `contradicts public: a public client has 'none', any other has not` })
  }
  if (isPublic && hasSecret)
    mistakes.push({ path, message: 'is public and has a secret: a public client can keep none, so leave out one of the two' })
  if (isPublic && grants.includes('client_credentials')) {
    mistakes.push({
      path: `${path}.grants`,
      message:
        'has client_credentials, which RFC 6749 section 4.4 keeps for confidential clients: give the client a secret or another grant',
    })
  }
  if (!isPublic && !hasSecret) {
    mistakes.push({ path, message: "needs a secret ({ env: 'NAME' }, { file: 'PATH' } or { hash: 'sha256:...' }), or public: true" })
  }
}

async function resolveSecrets(input: ClientInput, path: string, source: SecretSource, findings: Findings): Promise<ClientSecret[]> {
  const refs = input.secret === undefined ? (input.secrets ?? []) : [input.secret]
  const found: { path: string; text: string }[] = []
  for (const [index, ref] of refs.entries()) {
    const place = input.secret === undefined ? `${path}.secrets[${index}]` : `${path}.secret`
    const hash = await readSecretHash(ref, place, source, findings)
    if (hash !== undefined) found.push({ path: place, text: hash })
  }
  const unique = new Set(found.map((one) => one.text))
  if (unique.size < found.length) findings.mistakes.push({ path: `${path}.secrets`, message: 'has the same secret twice' })
  return [...unique].map((hash) => ({ id: idOf('secret', hash), hash, createdAt: 0, expiresAt: null }))
}

async function resolveApiKeys(
  input: ClientInput,
  path: string,
  realmId: string,
  source: SecretSource,
  findings: Findings,
): Promise<ApiKey[]> {
  const keys: ApiKey[] = []
  for (const [index, one] of (input.apiKeys ?? []).entries()) {
    const hash = await readSecretHash(one.key, `${path}.apiKeys[${index}].key`, source, findings)
    if (hash !== undefined) keys.push(apiKey(one, hash, realmId, input.clientId))
  }
  return keys
}

function apiKey(input: ApiKeyInput, hash: string, realmId: string, clientId: string): ApiKey {
  const id = input.id ?? idOf('key', hash)
  return {
    id,
    realmId,
    clientId,
    hash,
    displayName: input.displayName ?? id,
    createdAt: 0,
    expiresAt: input.expiresAt === undefined ? null : moment(input.expiresAt),
  }
}

/** The same secret has the same id after every start, and the id tells nothing of the hash. */
function idOf(kind: string, hash: string): string {
  return `${kind}_${createHash('sha256').update(`${kind} ${hash}`).digest('base64url').slice(0, 12)}`
}
