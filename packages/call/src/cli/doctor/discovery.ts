// Step `discovery`: the provider's metadata, and, where it cannot be used, what is wrong with the issuer and which one is right.
import { isJsonObject, parseStrictJson } from '@countersign/protocol/oauth/strict_json'
import { discover, metadataUrls } from '../../discover.ts'
import { DiscoveryFailed } from '../../errors.ts'
import type { Transport } from '../../provider_exchange.ts'
import { readBounded } from '../../provider_exchange.ts'
import type { Profile } from '../profile.ts'
import { visible } from '../visible.ts'
import type { Finding, Patient } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

export async function examineDiscovery(patient: Patient, transport: Transport): Promise<readonly Finding[]> {
  const { issuer, tokenUrl } = patient.options
  if (issuer === undefined) return [ok(STEP, `Not needed: the token endpoint is given${tokenUrl === undefined ? '' : ` (${tokenUrl})`}.`)]
  try {
    patient.metadata = await discover(issuer, transport)
    return [ok(STEP, `The metadata of ${issuer} is sound.`), ...offers(patient)]
  } catch (error) {
    if (!(error instanceof DiscoveryFailed)) throw error
    return [await explain(error, issuer, transport)]
  }
}

/** Issuers to which an URL near the right one leads, the likeliest first. */
export async function nearIssuers(issuer: string, transport: Transport): Promise<readonly string[]> {
  const found = await Promise.all(candidates(issuer).map((candidate) => issuerAt(candidate, transport)))
  return [...new Set(found.filter((one) => one !== undefined))]
}

const STEP = 'discovery'
const MAX_BYTES = 64 * 1024

async function explain(error: DiscoveryFailed, issuer: string, transport: Transport): Promise<Finding> {
  if (error.code === 'issuer_mismatch') return mismatch(issuer, await issuerAt(issuer, transport))
  if (error.code === 'not_found') {
    const [near] = await nearIssuers(issuer, transport)
    if (near !== undefined) return fail(STEP, `There is no metadata under ${issuer}, but there is under ${near}.`, `Write --issuer ${near}`)
    return fail(
      STEP,
      `There is no metadata under ${issuer}, nor near it.`,
      'Ask the provider for the issuer, or give its token endpoint by --token-url.',
    )
  }
  return fail(
    STEP,
    error.message,
    error.code === 'unreachable'
      ? 'Try again later; see the steps above.'
      : 'The provider must mend its metadata, or give its token endpoint by --token-url.',
  )
}

function mismatch(issuer: string, real: string | undefined): Finding {
  if (real === undefined)
    return fail(STEP, `The metadata under ${issuer} names no issuer.`, 'The provider must mend it; or give --token-url.')
  const write = `Write it as the provider does: --issuer ${real}`
  if (bare(real) === bare(issuer)) return fail(STEP, `The issuer differs by a slash at its end: the provider writes ${real}`, write)
  if (real.replace(/^http:/, 'https:') === issuer || issuer.replace(/^http:/, 'https:') === real) {
    return fail(
      STEP,
      `The issuer differs in http and https: the provider writes ${real}`,
      `${write}; a provider behind a proxy may have its public URL configured wrongly.`,
    )
  }
  if (real.toLowerCase() === issuer.toLowerCase())
    return fail(STEP, `The issuer differs in upper and lower case: the provider writes ${real}`, write)
  return fail(STEP, `The metadata under ${issuer} is of another issuer: ${real}`, `${write}, if that is the provider you mean.`)
}

function bare(issuer: string): string {
  return issuer.replace(/\/$/, '')
}

/** What people write instead of an issuer: the discovery URL itself, an endpoint, a realm without or with Keycloak's old `/auth`. */
function candidates(issuer: string): readonly string[] {
  const url = new URL(issuer)
  const path = url.pathname.replace(/\/\.well-known\/.*$/, '').replace(/\/$/, '')
  const parents = path.split('/').map((_, index, parts) => parts.slice(0, parts.length - index).join('/'))
  const keycloak = path.startsWith('/auth/') ? path.slice('/auth'.length) : `/auth${path}`
  const paths = [...parents, '', keycloak, '/oauth2/default', '/oauth2'].slice(0, 10)
  return [...new Set(paths)].map((one) => url.origin + one)
}

/** The issuer that the metadata near this URL names. Its text is a stranger's. */
async function issuerAt(candidate: string, { fetch, timeoutMs }: Transport): Promise<string | undefined> {
  for (const place of metadataUrls(new URL(candidate))) {
    try {
      const response = await fetch(place, {
        redirect: 'manual',
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await readBounded(response, MAX_BYTES)
      const value = response.status === 200 && text !== undefined ? parseStrictJson(text, { maxDepth: 8, maxMembers: 2000 }) : undefined
      const issuer = isJsonObject(value) && Object.hasOwn(value, 'issuer') ? value['issuer'] : undefined
      if (typeof issuer === 'string' && URL.canParse(issuer))
        // It is shown as part of a command line that somebody may copy into a shell.
        return /^https?:\/\/[\w.:[\]~%/-]{1,300}$/.test(issuer) ? issuer : undefined
    } catch {
      // Nothing there; the next place.
    }
  }
  return undefined
}

/** What the provider says it takes, against what will be asked. */
function offers({ metadata, connection: { profile }, options }: Patient): readonly Finding[] {
  const grant = grantOf(profile, options.username !== undefined)
  const grants = metadata?.grant_types_supported
  const list: readonly unknown[] = Array.isArray(grants) ? grants : []
  const findings: Finding[] = []
  if (list.length > 0 && !list.includes(grant)) {
    findings.push(
      warn(
        STEP,
        `The provider does not list the grant ${grant}; it lists ${visible(list.join(', '))}.`,
        'Ask for another with --grant, or have it offered.',
      ),
    )
  }
  const methods = metadata?.token_endpoint_auth_methods_supported
  if (profile.privateKeyFile !== undefined && Array.isArray(methods) && !methods.includes('private_key_jwt')) {
    findings.push(
      warn(STEP, 'The provider does not list private_key_jwt among its ways to authenticate.', 'Use a client secret, or have it offered.'),
    )
  }
  return findings
}

function grantOf({ grant }: Profile, hasUser: boolean): string {
  if (grant === 'device_code') return 'urn:ietf:params:oauth:grant-type:device_code'
  return grant ?? (hasUser ? 'password' : 'client_credentials')
}
