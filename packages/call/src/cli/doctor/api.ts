// Step `api`: one call of the API with the credentials, and what its refusal means. RFC 6750 section 3.1, RFC 9457.
import { readChallenges } from '@countersign/protocol/oauth/www_authenticate'
import { readBounded, systemCode } from '../../provider_exchange.ts'
import { visible } from '../visible.ts'
import type { Finding, Patient } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

const STEP = 'api'

export async function examineApi({ client }: Patient, url: URL): Promise<readonly Finding[]> {
  let response: Response
  try {
    response = await client.fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(20_000) })
  } catch (error) {
    const says = `The API at ${url.origin} cannot be called${systemCode(error)}.`
    return [
      fail(STEP, error instanceof Error && !(error instanceof TypeError) ? error.message : says, 'Check its address, and --api-origin.'),
    ]
  }
  const text = (await readBounded(response, 64 * 1024)) ?? ''
  return [judge(response, text)]
}

function judge(response: Response, text: string): Finding {
  const { status } = response
  if (status < 300) return ok(STEP, `The API takes the credentials: it answered ${status}.`)
  const challenge = readChallenges(response.headers.get('www-authenticate') ?? '').at(0)
  const error = challenge?.parameters.get('error')
  const code = problemCode(text) ?? error ?? ''
  const why = visible(challenge?.parameters.get('error_description') ?? problemDetail(text) ?? '', 300)
  const said = [error, why].filter((part) => part !== undefined && part !== '').join(': ')
  const known = REFUSALS[code] ?? (/api.?key/i.test(text) && status !== 200 ? REFUSALS['missing_api_key'] : undefined) ?? BY_STATUS[status]
  const says = known?.says ?? (status < 400 ? 'The API redirects.' : 'The API refuses the call.')
  const sentence = `${says} It answered ${status}${said === '' ? '' : ` (${said})`}.`
  if (known) return (known.mild ? warn : fail)(STEP, sentence, known.mend)
  return warn(STEP, sentence, "See the API's own documentation for this answer.")
}

interface Known {
  readonly says: string
  readonly mend: string
  /** The credentials are not what is wrong. */
  readonly mild?: boolean
}

const KEY = 'Give the API key: CALLSIGN_API_KEY, or --api-key-file FILE and the like; and a --dialect that has a header for it.'
const REFUSALS: Readonly<Record<string, Known>> = {
  missing_api_key: { says: 'The API wants an API key beside the token.', mend: KEY },
  invalid_api_key: { says: 'The API does not know this API key.', mend: 'Check that the key is complete and of this API.' },
  client_mismatch: { says: 'API key and token belong to different clients.', mend: 'Use the key and the credentials of one client.' },
  missing_token: {
    says: 'The API did not see the token.',
    mend: 'It looks for it in another header: choose the --dialect or --preset of this provider.',
  },
  invalid_token: {
    says: 'The API refuses the token.',
    mend: 'See the step token: the API wants another issuer, audience or type than the token has; or its clock is wrong.',
  },
  token_expired: { says: 'For the API the token has expired.', mend: "The API's clock or the provider's is wrong: see the step clock." },
  insufficient_scope: { says: 'The token has too small a scope for this route.', mend: 'Ask for the scope it names with --scope.' },
  address_not_allowed: { says: 'The API key may not be used from this address.', mend: 'Have the address put on its list.' },
}

const BY_STATUS: Readonly<Record<number, Known>> = {
  401: {
    says: 'The API did not accept the credentials and does not say why.',
    mend: 'It may want another header (--dialect), an API key, or another audience.',
  },
  403: { says: 'The API knows the client and does not let it do this.', mend: 'Ask for the right to it, or a wider --scope.' },
  404: { says: 'The API has nothing at this path.', mend: 'Give an URL that exists; the credentials may be good.', mild: true },
  405: { says: 'The API does not take GET at this path.', mend: 'Give an URL that can be read; the credentials may be good.', mild: true },
  429: { says: 'The API has had too many calls.', mend: 'Wait as long as Retry-After says.', mild: true },
  502: { says: 'What is behind the API does not answer.', mend: 'Tell its operator.' },
  503: { says: 'The API cannot verify credentials now.', mend: 'Try again; if it lasts, tell its operator.' },
}

function problemCode(text: string): string | undefined {
  return /"code"\s*:\s*"([a-z_]{1,40})"/.exec(text)?.[1]
}

function problemDetail(text: string): string | undefined {
  return /"detail"\s*:\s*"([^"\\]{1,300})"/.exec(text)?.[1]
}
