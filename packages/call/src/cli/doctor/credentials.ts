// Steps `credentials` and `answer`: one token request, what a refusal means, and what is missing in the answer. RFC 6749 section 5.
import { isJsonObject, parseStrictJson } from '@countersign/protocol/oauth/strict_json'
import { DiscoveryFailed, TokenRequestFailed } from '../../errors.ts'
import { mendOf } from '../sentence.ts'
import { visible } from '../visible.ts'
import type { Finding, Overheard, Patient } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

export async function examineCredentials(patient: Patient): Promise<readonly Finding[]> {
  const before = patient.heard.length
  try {
    const { accessToken, scope } = await patient.client.token()
    patient.accessToken = accessToken
    const granted = scope === undefined || scope.length === 0 ? '' : `, with the scope ${visible(scope.join(' '), 200)}`
    return [ok('credentials', `The provider gave a token${granted}.`), ...examineAnswer(patient.heard.slice(before).at(-1))]
  } catch (error) {
    const last = patient.heard.slice(before).at(-1)
    if (error instanceof TokenRequestFailed) return [explain(error, last, patient)]
    const mend = error instanceof DiscoveryFailed ? 'See the step discovery.' : 'Mend what it names.'
    return [fail('credentials', error instanceof Error ? error.message : 'No token could be asked for.', mend)]
  }
}

function explain(error: TokenRequestFailed, last: Overheard | undefined, patient: Patient): Finding {
  const { code, description, status } = error
  const said = `${code}${status === undefined ? '' : ` (${status})`}. ${visible(description)}`
  if (code === 'invalid_client')
    return fail('credentials', `The provider does not accept this client: ${said}`, `${CLIENT}${methodsOf(patient)}`)
  const answered = last === undefined || code === 'unreachable' || code === 'timeout' ? undefined : oddAnswer(last)
  if (code === 'unreadable_answer' && answered) return fail('credentials', answered.says, answered.mend)
  return fail('credentials', `No token: ${said}`, MENDS[code] ?? mendOf(error) ?? 'Ask the provider what it means by that.')
}

const CLIENT = 'Check that client id and secret belong together and to this provider, and that the secret is not an older one.'

const MENDS: Readonly<Record<string, string>> = {
  unauthorized_client: 'The client is known, but may not use this grant: ask the provider to allow it, or choose another with --grant.',
  unsupported_grant_type:
    'The provider does not offer this grant: choose another with --grant, or check that the URL is the token endpoint.',
  invalid_scope: 'Ask for scopes that this client has, spelled as the provider does, or leave out --scope.',
  invalid_target: 'Name an API that the provider knows, by --audience or --resource.',
  invalid_grant: 'Check user name and password; of a sign-in: sign in again with callsign login.',
  invalid_request: 'The sentence names what is missing: perhaps --audience, or --dialect for a provider that spells OAuth its own way.',
  slow_down: 'Wait as long as it says; then share one token instead of asking again and again.',
  budget_exhausted: 'Wait for the next window, or have the budget raised; callsign quota tells more.',
  redirected: 'Give the URL that it redirects to, if that is the provider.',
  invalid_dpop_proof: "Check this machine's clock.",
}

function methodsOf({ metadata }: Patient): string {
  const methods = metadata?.token_endpoint_auth_methods_supported
  if (!Array.isArray(methods) || methods.length === 0) return ''
  return ` It lists these ways to authenticate: ${visible(methods.join(', '), 200)}.`
}

function oddAnswer({ status, headers, text }: Overheard): { says: string; mend: string } | undefined {
  if (status === 404 || status === 405) {
    return {
      says: `There is no token endpoint at this URL: it answers ${status}.`,
      mend: 'Give the token endpoint itself, or --issuer and let it be discovered.',
    }
  }
  const type = headers.get('content-type') ?? ''
  if (/html/i.test(type) || /^\s*</.test(text)) {
    return {
      says: `The URL answers with a page for people (${status}), not with a token.`,
      mend: 'Give the token endpoint itself, or --issuer and let it be discovered.',
    }
  }
  return undefined
}

/** What strict clients, and caches, need in a token response. */
function examineAnswer(answer: Overheard | undefined): readonly Finding[] {
  const body = answer === undefined ? undefined : membersOf(answer.text)
  if (answer === undefined || body === undefined) return []
  const findings: Finding[] = []
  const tell = 'Tell the provider; callsign works all the same.'
  if (body['token_type'] === undefined)
    findings.push(warn('answer', 'The answer has no token_type, so that strict clients refuse it.', tell))
  const lifetime = body['expires_in']
  if (lifetime === undefined) {
    findings.push(
      warn(
        'answer',
        'The answer has no expires_in, so that nobody knows how long to keep the token.',
        'Tell the provider; callsign keeps it for a minute.',
      ),
    )
  } else if (typeof lifetime !== 'number') {
    findings.push(warn('answer', 'The answer writes expires_in as a text and not as a number, which strict clients refuse.', tell))
  } else if (lifetime < 30) {
    findings.push(
      warn(
        'answer',
        `The token lives for ${lifetime} s only, so that nearly every call needs a new one.`,
        'Ask the provider for a longer life.',
      ),
    )
  }
  if (!/no-store/i.test(answer.headers.get('cache-control') ?? '')) {
    findings.push(warn('answer', 'The answer does not forbid caches in between to keep it (Cache-Control: no-store).', tell))
  }
  return findings.length > 0 ? findings : [ok('answer', 'The answer has all that it should: token_type, expires_in, no-store.')]
}

/** A dialect may name them otherwise: then nothing is known, and nothing is said. */
function membersOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseStrictJson(text, { maxDepth: 8, maxMembers: 500 })
    return isJsonObject(value) && Object.hasOwn(value, 'access_token') ? value : undefined
  } catch {
    return undefined
  }
}
