// A provider's metadata from its issuer: OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3. The issuer in the document is
// compared by plain string, slash and all: whoever can answer for one issuer must not speak for another.
import { parseBody } from '@countersign/protocol/dialect/codec/token_response'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { isPlainObject } from '@countersign/protocol/dialect/shape'
import type { ServerMetadata } from '@countersign/protocol/oauth/metadata'
import { DiscoveryFailed, TokenRequestFailed } from './errors.ts'
import { isLoopback, mayBeHere, readEndpoint } from './origin.ts'
import type { Transport } from './provider_exchange.ts'
import { exchange } from './provider_exchange.ts'

type Document = Readonly<Record<string, unknown>>

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

const ENDPOINTS = [
  'token_endpoint',
  'authorization_endpoint',
  'device_authorization_endpoint',
  'revocation_endpoint',
  'introspection_endpoint',
  'userinfo_endpoint',
  'jwks_uri',
]

/** The document; undefined if there is none at this place. */
async function fetchDocument(url: string, issuer: string, transport: Transport): Promise<Document | undefined> {
  let response: WireResponse
  try {
    response = await exchange(new URL(url), { method: 'GET', path: '', headers: { accept: 'application/json' }, body: '' }, transport)
  } catch (error) {
    if (!(error instanceof TokenRequestFailed)) throw error
    if (error.code === 'redirected' || error.code === 'unreadable_answer') return undefined
    throw new DiscoveryFailed('unreachable', issuer, error.description)
  }
  const { status, body } = response
  if (status >= 500 || status === 429) throw new DiscoveryFailed('unreachable', issuer, `the server answered ${status}.`)
  // A page of HTML with status 200 is how many servers say 404.
  const value = status === 200 ? parseBody(body) : undefined
  return isPlainObject(value) ? value : undefined
}

function readMetadata(document: Document, issuer: string, issuerUrl: URL): ServerMetadata {
  const refuse = (description: string): DiscoveryFailed => new DiscoveryFailed('unreadable_answer', issuer, description)
  const told = member(document, 'issuer')
  if (told !== issuer) {
    const mend = `the document is of another issuer; give the issuer ${howWritten(told, issuer)}.`
    throw new DiscoveryFailed('issuer_mismatch', issuer, mend)
  }
  for (const name of ENDPOINTS) {
    const value = member(document, name)
    if (value === undefined) continue
    const url = typeof value === 'string' ? readEndpoint(value) : undefined
    // A stranger's document must not send credentials to a service of this machine.
    if (!url || (mayBeHere(url) && !isLoopback(issuerUrl))) throw refuse(`its ${name} is not an https URL.`)
  }
  const tokenEndpoint = member(document, 'token_endpoint')
  if (typeof tokenEndpoint !== 'string') throw refuse('it names no token_endpoint.')
  return { ...document, issuer, token_endpoint: tokenEndpoint }
}

/** The usual slip is named; of what the server says nothing is repeated. */
function howWritten(told: unknown, issuer: string): string {
  if (told === `${issuer}/`) return 'with the slash at its end'
  if (typeof told === 'string' && issuer === `${told}/`) return 'without the slash at its end'
  return 'exactly as the provider writes it'
}

function member(document: Document, name: string): unknown {
  return Object.hasOwn(document, name) ? document[name] : undefined
}
