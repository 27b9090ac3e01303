// What a server meant by its refusal, as a typed failure without anything secret that the server may have repeated.
import type { ClientDialect } from '@countersign/protocol/dialect/client'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { writeBase64Text } from '@countersign/protocol/oauth/base64'
import { errorText } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import { encodeFormText } from '@countersign/protocol/oauth/parameters'
import { TokenRequestFailed } from './errors.ts'

/** Who refused, and how he spells it. */
interface Refuser {
  readonly url: URL
  readonly dialect: Pick<ClientDialect, 'error'>
}

/** What proved the client. */
interface Proof {
  readonly clientSecret: string | undefined
  readonly assertion?: Parameters | undefined
}

/** What the server meant by its refusal, without anything secret that it may have repeated. */
export function readFailure(
  { url, dialect }: Refuser,
  response: WireResponse,
  secrets: readonly string[],
  now: number,
): TokenRequestFailed {
  const error = dialect.error.read(response)
  const description = holdsSecret([response.body, error.description], secrets)
    ? 'Its sentence repeats a credential and is left out.'
    : error.description.slice(0, MAX_DESCRIPTION)
  const retryAfter = error.retryAfter ?? secondsUntil(response.headers['retry-after'], now)
  const serverCode = /"error"\s*:\s*"([a-z_]{1,40})"/.exec(response.body)?.[1]
  return new TokenRequestFailed({
    code: error.code,
    origin: url.origin,
    status: response.status,
    serverCode: serverCode === error.code || holdsSecret([serverCode ?? ''], secrets) ? undefined : serverCode,
    retryAfter,
    description,
  })
}

/** Values that must not appear in anything that is shown: the client's and whatever parameters are credentials. */
export function secretsOf({ clientSecret, assertion = new Map() }: Proof, parameters: Parameters): readonly string[] {
  const named = [...parameters, ...assertion].map(([name, value]) => (SECRET_PARAMETERS.test(name) ? value : ''))
  return [clientSecret ?? '', ...named].filter((value) => value !== '')
}

const MAX_DESCRIPTION = 300
const MAX_RETRY_AFTER = 32 * 86_400
/** By how they end or begin: `subject_token`, `client_assertion`, `code_verifier`, `device_code`. */
const SECRET_PARAMETERS = /(token|secret|assertion|password|code)$|^code/

function holdsSecret(texts: readonly string[], secrets: readonly string[]): boolean {
  // A server may repeat a value as it stood on the wire.
  const forms = secrets.flatMap((secret) => [
    secret,
    errorText(secret),
    encodeFormText(secret),
    encodeURIComponent(secret),
    ...base64Cores(secret),
    ...base64Cores(encodeFormText(secret)),
  ])
  return texts.some((text) => forms.some((form) => text.includes(form)))
}

/** What base64 makes of a text wherever it stands in a longer one, as in `client_id:client_secret`: three alignments, no padding. */
function base64Cores(text: string): readonly string[] {
  const inner = ['', 'x', 'xx'].map((before) => {
    const whole = writeBase64Text(before + text).replace(/.{0,3}=+$/, '')
    return before === '' ? whole : whole.slice(before.length + 1)
  })
  return [writeBase64Text(text).replace(/=+$/, ''), ...inner.filter((one) => one.length >= 4)]
}

/** Retry-After as an HTTP date (RFC 9110 section 10.2.3), in seconds from now, at most 32 days; the codec reads the number of seconds. */
function secondsUntil(field: string | undefined, now: number): number | undefined {
  if (field === undefined || !/^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(field)) return undefined
  const at = Date.parse(field)
  return Number.isNaN(at) ? undefined : Math.min(Math.max(Math.ceil(at / 1000 - now), 0), MAX_RETRY_AFTER)
}
