// One realm with everything in it, from the operator's words to the model. Checks between realms are config.ts's and api.ts's.
import { createHash } from 'node:crypto'
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import { ALGORITHMS, algorithmOf } from '@countersign/protocol/jose/algorithm'
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import { GRANT_TYPES } from '@countersign/protocol/oauth/grant_type'
import type { RealmSetup } from '../model/configuration.ts'
import type { Audience, Realm } from '../model/realm.ts'
import type { User } from '../model/user.ts'
import { checkApiKeys } from './api_key.ts'
import type { ClientSetup, RealmFacts } from './client.ts'
import { grantsOf, resolveClient } from './client.ts'
import type { SealingSource } from './client_auth.ts'
import type { DialectReader } from './dialect_documents.ts'
import type { Findings } from './error.ts'
import { findTwice } from './error.ts'
import { readGrantNames } from './grant_name.ts'
import type { RealmInput, UserInput } from './input.ts'
import { resolveKeyRotation } from './key_rotation.ts'
import { lifetime } from './lifetime.ts'
import { resolvePlan, resolveReuse } from './plan.ts'
import type { SecretSource } from './secret.ts'
import { readPasswordHash } from './secret.ts'
import { resolveTrustedIssuers } from './trusted_issuer.ts'
import { issuerProblem } from './url.ts'

const ACCESS_TOKEN_LIFETIME = 900
const REFRESH_TOKEN_LIFETIME = 30 * 86_400

/** The issuer is left empty where the input has none: `withIssuer` fills it in when the public URL is known. */
export async function resolveRealm(
  input: RealmInput,
  path: string,
  source: SealingSource,
  findings: Findings,
  readDialects: DialectReader,
): Promise<RealmSetup | undefined> {
  const dialects = readDialects(input, path, findings)
  const first = dialects[0]
  if (!first) return undefined
  const realm: Realm = {
    id: input.id,
    displayName: input.displayName ?? input.id,
    issuer: input.issuer ?? '',
    hosts: (input.hosts ?? []).map((host) => host.toLowerCase()),
    dialects,
    algorithm: resolveAlgorithm(input.algorithm ?? first.claims.algorithm, path, findings),
    grants: input.grants === undefined ? grantsOfClients(input) : [...new Set(readGrantNames(input.grants))],
    ...resolveAudiences(input),
    plan: resolvePlan(input.plan, `${path}.plan`, findings),
    reuse: resolveReuse(input.reuse ?? false),
    trustedIssuers: resolveTrustedIssuers(input.trustedIssuers ?? [], path, findings),
    keyRotation: resolveKeyRotation(input.keyRotation, path, findings),
    accessTokenLifetime: lifetime(input.accessTokenLifetime ?? ACCESS_TOKEN_LIFETIME),
    refreshTokenLifetime: lifetime(input.refreshTokenLifetime ?? REFRESH_TOKEN_LIFETIME),
  }
  const problem = input.issuer === undefined ? undefined : issuerProblem(input.issuer, source.demo)
  if (problem !== undefined) findings.mistakes.push({ path: `${path}.issuer`, message: problem })
  findTwice(
    findings.mistakes,
    realm.audiences.map((one, index) => ({ path: `${path}.audiences[${index}]`, text: one.identifier })),
    'an audience is named once',
  )
  const clients = await resolveClients(input, path, realm, source, findings)
  const users = await resolveUsers(input.users ?? [], path, realm.id, source, findings)
  checkPrincipals(input, path, users, findings)
  const apiKeys = clients.flatMap((one) => one.apiKeys)
  checkApiKeys(apiKeys, path, findings)
  return { realm, clients: clients.map((one) => one.client), users, apiKeys }
}

/** The realm with its issuer for this public URL, unless the operator gave one. */
export function withIssuer(setup: RealmSetup, publicUrl: string): RealmSetup {
  if (setup.realm.issuer !== '') return setup
  const slash = setup.realm.dialects[0]?.claims.issuer_slash ? '/' : ''
  return { ...setup, realm: { ...setup.realm, issuer: `${publicUrl}/realms/${setup.realm.id}${slash}` } }
}

function resolveAlgorithm(name: string, path: string, { mistakes }: Findings): AlgorithmName {
  const row = algorithmOf(name)
  if (!row) mistakes.push({ path: `${path}.algorithm`, message: `must be one of ${[...ALGORITHMS.keys()].join(', ')}` })
  return row?.name ?? 'ES256'
}

/** Those that a client of it may use. */
function grantsOfClients({ clients }: RealmInput): readonly GrantType[] {
  const used = new Set(clients.flatMap(grantsOf))
  return GRANT_TYPES.filter((one) => used.has(one))
}

/** A scope that an audience names is thereby one of the realm's. */
function resolveAudiences(input: RealmInput): Pick<Realm, 'scopes' | 'audiences'> {
  const audiences = (input.audiences ?? []).map(
    (one): Audience =>
      typeof one === 'string' ? { identifier: one, scopes: [] } : { identifier: one.identifier, scopes: one.scopes ?? [] },
  )
  return { audiences, scopes: [...new Set([...(input.scopes ?? []), ...audiences.flatMap((one) => one.scopes)])] }
}

async function resolveClients(
  input: RealmInput,
  path: string,
  realm: Realm,
  source: SealingSource,
  findings: Findings,
): Promise<ClientSetup[]> {
  const clientIds = input.clients.map((one) => one.clientId)
  const facts: RealmFacts = { ...realm, audiences: realm.audiences.map((one) => one.identifier), clientIds }
  const clients: ClientSetup[] = []
  for (const [index, one] of input.clients.entries())
    clients.push(await resolveClient(one, `${path}.clients[${index}]`, facts, source, findings))
  const ids = input.clients.map((one, index) => ({ path: `${path}.clients[${index}].clientId`, text: one.clientId }))
  findTwice(findings.mistakes, ids, 'every client of a realm needs its own')
  return clients
}

async function resolveUsers(
  inputs: readonly UserInput[],
  path: string,
  realmId: string,
  source: SecretSource,
  findings: Findings,
): Promise<User[]> {
  const users: User[] = []
  for (const [index, one] of inputs.entries()) {
    const passwordHash = await readPasswordHash(one.password, `${path}.users[${index}].password`, source, findings)
    users.push({
      realmId,
      id: one.id ?? userId(realmId, one.username),
      username: one.username,
      passwordHash: passwordHash ?? '',
      claims: one.claims ?? {},
      enabled: true,
    })
  }
  return users
}

/** Opaque, and the same after every start: a UUID (version 8, RFC 9562) made of realm and username. */
function userId(realmId: string, username: string): string {
  const bytes = createHash('sha256').update(`${realmId}\n${username}`).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** RFC 9700 section 4.15: nothing a client is called in a token may be what a person is called. */
function checkPrincipals(input: RealmInput, path: string, users: readonly User[], { mistakes }: Findings): void {
  const place = (index: number, member: string): string => `${path}.users[${index}].${member}`
  const names = new Map(input.clients.flatMap(({ clientId }) => clientNames(clientId).map((name) => [name, clientId] as const)))
  for (const [index, user] of users.entries()) {
    for (const member of ['id', 'username'] as const) {
      const clientId = names.get(user[member])
      if (clientId === undefined) continue
      const message = `is what tokens call the client '${clientId}' (RFC 9700 section 4.15): give the person another one`
      mistakes.push({ path: place(index, member), message })
    }
  }
  findTwice(
    mistakes,
    users.map((one, index) => ({ path: place(index, 'username'), text: one.username })),
    'every user of a realm needs its own',
  )
  findTwice(
    mistakes,
    users.map((one, index) => ({ path: place(index, 'id'), text: one.id })),
    'every user of a realm needs its own',
  )
}

/** What the claims profiles of the built-in dialects make of a client id in `sub` and `preferred_username`. */
function clientNames(clientId: string): string[] {
  return [clientId, `${clientId}@clients`, `service-account-${clientId}`]
}
