// What a Countersign tells the public of a realm, as ClientOptions: its endpoints, its dialect, where a client reads its usage.
// Everything comes from the origin that the caller named; a document's own URLs lead nowhere else.
import { parseBody } from '@countersign/protocol/dialect/codec/token_response'
import { endpointPaths } from '@countersign/protocol/dialect/paths'
import { DialectError, resolveDialect } from '@countersign/protocol/dialect/resolve'
import { isPlainObject } from '@countersign/protocol/dialect/shape'
import type { ClientOptions } from './client_options.ts'
import { dialect } from './dialect.ts'
import { discover } from './discover.ts'
import { DiscoveryFailed } from './errors.ts'
import { checkEndpoint } from './origin.ts'
import { exchange } from './provider_exchange.ts'

/** What is left to give is who the client is: `createClient({ ...await describeRealm(url, { fetch }), clientId, clientSecret, apiOrigins })`. */
export type RealmDescription = Pick<ClientOptions, 'issuer' | 'tokenUrl' | 'revocationUrl' | 'usageUrl' | 'dialect'>

export interface RealmLookup {
  readonly fetch: typeof globalThis.fetch
  /** For each document; default 10 000. */
  readonly timeoutMs?: number
}

/**
 * @param realmUrl `https://auth.example.com/realms/orders`, https or http on a loopback host. Where no Countersign answers, an issuer.
 * @throws ConfigurationError for a URL that cannot be one; DiscoveryFailed; TokenRequestFailed `unreachable` or `timeout`
 */
export async function describeRealm(realmUrl: string, { fetch, timeoutMs = 10_000 }: RealmLookup): Promise<RealmDescription> {
  const url = checkEndpoint(realmUrl, 'The realm')
  const transport = { fetch, timeoutMs, now: () => 0 }
  const base = url.pathname.replace(/\/$/, '')
  const wire = { method: 'GET', path: '', headers: { accept: 'application/json' }, body: '' }
  const { status, body } = await exchange(new URL(`${url.origin}${base}/guard`), wire, transport)
  const told = status === 200 ? parseBody(body) : undefined
  if (isPlainObject(told) && typeof told['realm'] === 'string') return readRealm(told, told['realm'], url, base)
  await discover(realmUrl, transport)
  return { issuer: realmUrl }
}

function readRealm(told: Readonly<Record<string, unknown>>, realm: string, url: URL, base: string): RealmDescription {
  const refuse = (why: string): DiscoveryFailed => new DiscoveryFailed('unreadable_answer', url.href, why)
  const { issuer, dialects } = told
  // Its first dialect is the one it speaks of itself.
  const document: unknown = Array.isArray(dialects) ? dialects[0] : undefined
  if (typeof issuer !== 'string' || !isPlainObject(document) || base !== `/realms/${realm}`) {
    throw refuse('it is not the description of that realm.')
  }
  // Its other endpoints come from there, and keys sign for it: a realm that names another's issuer would get what that one accepts.
  if (!URL.canParse(issuer) || new URL(issuer).origin !== url.origin)
    throw new DiscoveryFailed('issuer_mismatch', url.href, 'its issuer is of another host: name the realm as that host, if you trust it.')
  try {
    const resolved = resolveDialect(document)
    const at = (name: 'token' | 'revocation'): string | undefined => {
      const path = endpointPaths(resolved, name, realm, false)[0]
      return path === undefined ? undefined : url.origin + path
    }
    const [tokenUrl, revocationUrl] = [at('token'), at('revocation')]
    if (tokenUrl === undefined) throw refuse('its dialect has no token endpoint.')
    const usageUrl = `${url.origin}${base}/usage`
    return { issuer, tokenUrl, usageUrl, dialect: dialect(resolved), ...(revocationUrl === undefined ? {} : { revocationUrl }) }
  } catch (error) {
    if (error instanceof DialectError) throw refuse(`its dialect cannot be used: ${error.message}.`)
    throw error
  }
}
