// What lets a client act with the tokens of others: exchange (RFC 8693) and workloads of trusted issuers (RFC 7523), checked and resolved.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import { JWT_BEARER, TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import type { ExchangeRule, WorkloadRule } from '../model/client.ts'
import type { Findings } from './error.ts'
import type { ClientInput } from './input.ts'
import { named } from './named.ts'

/** What the rules of a client may name. */
export interface DelegationFacts {
  /** All clients of the realm. */
  readonly clientIds: readonly string[]
  /** The realm's. */
  readonly scopes: readonly string[]
  /** The realm's. */
  readonly audiences: readonly string[]
  /** The realm's. */
  readonly trustedIssuers: readonly { readonly issuer: string }[]
}

/** What rules leave out is the client's own. */
interface Own {
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
}

export function resolveExchanges(
  { exchanges = [] }: ClientInput,
  path: string,
  realm: DelegationFacts,
  own: Own,
  findings: Findings,
): ExchangeRule[] {
  const { mistakes } = findings
  return exchanges.map(({ subjectClients = [], actorScope, audiences, scopes }, index) => {
    const place = `${path}.exchanges[${index}]`
    named(subjectClients, `${place}.subjectClients`, realm.clientIds, 'is no client of the realm', mistakes)
    if (actorScope !== undefined) named([actorScope], `${place}.actorScope`, realm.scopes, 'is no scope of the realm', mistakes, false)
    named(audiences, `${place}.audiences`, realm.audiences, 'is no audience of the realm', mistakes)
    named(scopes, `${place}.scopes`, realm.scopes, 'is no scope of the realm', mistakes)
    return { subjectClients, actorScope: actorScope ?? null, audiences: audiences ?? own.audiences, scopes: scopes ?? own.scopes }
  })
}

export function resolveWorkloads(
  { workloads = [] }: ClientInput,
  path: string,
  realm: DelegationFacts,
  findings: Findings,
): WorkloadRule[] {
  const issuers = realm.trustedIssuers.map((one) => one.issuer)
  return workloads.map(({ issuer, subject, claims = {} }, index) => {
    const place = `${path}.workloads[${index}]`
    named([issuer], `${place}.issuer`, issuers, "is none of the realm's trustedIssuers", findings.mistakes, false)
    checkSubject(subject, `${place}.subject`, findings)
    return { issuer, subject, claims }
  })
}

/** A grant without its rules can never be used, and rules without their grant never apply: whoever wrote one meant both. */
export function checkDelegation(
  { exchanges = [], workloads = [] }: ClientInput,
  path: string,
  grants: readonly GrantType[],
  { mistakes }: Findings,
): void {
  const both = (grant: GrantType, name: string, member: string, rules: readonly unknown[]): void => {
    if (grants.includes(grant) && rules.length === 0)
      mistakes.push({ path: `${path}.grants`, message: `has ${name}, which allows nothing without rules: give the client ${member}` })
    if (!grants.includes(grant) && rules.length > 0)
      mistakes.push({ path: `${path}.${member}`, message: `apply to the grant ${name} alone: add '${name}' to the client's grants` })
  }
  both(TOKEN_EXCHANGE, 'token_exchange', 'exchanges', exchanges)
  both(JWT_BEARER, 'jwt_bearer', 'workloads', workloads)
}

function checkSubject(subject: string, path: string, { mistakes, warnings }: Findings): void {
  const star = subject.indexOf('*')
  if (star < 0) return
  if (subject === '*') mistakes.push({ path, message: 'is * alone, which is everybody at that issuer: say whose tokens you mean' })
  else if (star < subject.length - 1) mistakes.push({ path, message: 'has a * before its end: it stands for anything at the end only' })
  else if (/[A-Za-z0-9]\*$/.test(subject)) {
    const start = subject.slice(0, -1)
    warnings.push({ path, message: `fits '${start}-of-somebody-else' too: end the name before the *, as in '${start}:*'` })
  }
}
