// A provider's metadata from its issuer: OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. The issuer in the document is
// compared by plain string, slash and all: whoever can answer for one issuer must not speak for another.
import type { ServerMetadata } from '@countersign/protocol/oauth/metadata'
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import { isJsonObject, parseStrictJson, StrictJsonError } from '@countersign/protocol/oauth/strict_json'
import { DiscoveryFailed } from './errors.ts'
import { isLoopback, readEndpoint } from './origin.ts'
import type { Transport } from './provider_exchange.ts'
import { isRedirect, readBounded, systemCode } from './provider_exchange.ts'

/**
 * @param issuer exactly as the provider writes it. https, or http on a loopback host.
 * @throws DiscoveryFailed
 */
export async function discover(issuer: string, transport: Transport): Promise<ServerMetadata> {
  const url = readEndpoint(issuer)
  if (url?.search !== '') throw new DiscoveryFailed('not_found', '(issuer)', 'the issuer must be an https URL without query or fragment.')
  for (const candidate of metadataUrls(url)) {
    const document = await fetchDocument(candidate, issuer, transport)
    if (document) return readMetadata(document, issuer, url)
  }
  throw new DiscoveryFailed('not_found', issuer, 'there is no metadata document under it.')
}

/** Where clients look, in this order: OpenID's place, where nearly every provider answers, then RFC 8414's. */
export function metadataUrls(issuer: URL): readonly string[] {
  const path = issuer.pathname.replace(/\/$/, '')
  return [
    `${issuer.origin}${path}/.well-known/openid-configuration`,
    `${issuer.origin}/.well-known/oauth-authorization-server${path}`,
    ...(path === '' ? [] : [`${issuer.origin}/.well-known/openid-configuration${path}`]),
  ]
}

const MAX_DOCUMENT_BYTES = 64 * 1024
const LIMITS = { maxDepth: 8, maxMembers: 2000 }
const ENDPOINTS = ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint', 'userinfo_endpoint', 'jwks_uri']

/** The document; undefined if there is none at this place. */
async function fetchDocument(url: string, issuer: string, { fetch, timeoutMs }: Transport): Promise<JsonObject | undefined> {
  let response: Response
  let text: string | undefined
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal })
    text = await readBounded(response, MAX_DOCUMENT_BYTES)
  } catch (error) {
    throw new DiscoveryFailed('unreachable', issuer, `the connection failed${systemCode(error)}.`)
  }
  if (response.status >= 500 || response.status === 429)
    throw new DiscoveryFailed('unreachable', issuer, `the server answered ${response.status}.`)
  if (response.status !== 200 || isRedirect(response)) return undefined
  try {
    const value = text === undefined ? undefined : parseStrictJson(text, LIMITS)
    return isJsonObject(value) ? value : undefined
  } catch (error) {
    // A page of HTML with status 200 is how many servers say 404.
    if (error instanceof StrictJsonError) return undefined
    throw error
  }
}

function readMetadata(document: JsonObject, issuer: string, issuerUrl: URL): ServerMetadata {
  const refuse = (description: string): DiscoveryFailed => new DiscoveryFailed('unreadable_answer', issuer, description)
  if (member(document, 'issuer') !== issuer) {
    throw new DiscoveryFailed(
      'issuer_mismatch',
      issuer,
      'the document is of another issuer; give the issuer exactly as the provider writes it.',
    )
  }
  for (const name of ENDPOINTS) {
    const value = member(document, name)
    if (value === undefined) continue
    const url = typeof value === 'string' ? readEndpoint(value) : undefined
    // A stranger's document must not send credentials to a service of this machine.
    if (!url || (isLoopback(url) && !isLoopback(issuerUrl))) throw refuse(`its ${name} is not an https URL.`)
  }
  const tokenEndpoint = member(document, 'token_endpoint')
  if (typeof tokenEndpoint !== 'string') throw refuse('it names no token_endpoint.')
  return { ...document, issuer, token_endpoint: tokenEndpoint }
}

function member(document: JsonObject, name: string): unknown {
  return Object.hasOwn(document, name) ? document[name] : undefined
}
