// `Authorization: Basic` as OAuth uses it: both halves form-encoded first. RFC 6749 section 2.3.1, RFC 7617.
import { readBase64Text, writeBase64Text } from './base64.ts'
import { OAuthError } from './error.ts'
import { decodeFormText, encodeFormText, hasControl } from './parameters.ts'
import { writeChallenge } from './www_authenticate.ts'

export interface BasicCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

// Anything but a scheme character ends the word: `Basic<TAB>...` is Basic said badly, not some other scheme.
const SCHEME = /^[ \t]*basic(?![!#$%&'*+.^_`|~0-9A-Za-z-])/i
const CREDENTIALS = /^ +(\S+)[ \t]*$/

/**
 * Reads an Authorization field value of the Basic scheme; undefined if it is of another scheme.
 * @throws OAuthError invalid_client if it says Basic and cannot be read.
 */
export function readBasicAuth(field: string): BasicCredentials | undefined {
  const scheme = SCHEME.exec(field)
  if (!scheme) return undefined
  const credentials = CREDENTIALS.exec(field.slice(scheme[0].length))
  const text = readBase64Text(credentials?.[1] ?? '')
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || colon < 0) throw malformed()
  const clientId = decodeHalf(text.slice(0, colon))
  if (clientId === '') throw malformed()
  return { clientId, clientSecret: decodeHalf(text.slice(colon + 1)) }
}

/** The value of the `Authorization` field. */
export function writeBasicAuth({ clientId, clientSecret }: BasicCredentials): string {
  return `Basic ${writeBase64Text(`${encodeFormText(clientId)}:${encodeFormText(clientSecret)}`)}`
}

function decodeHalf(text: string): string {
  let decoded: string
  try {
    decoded = decodeFormText(text)
  } catch {
    // Many clients send the halves raw: a '%' that starts no escape is then itself.
    decoded = text
  }
  if (hasControl(decoded)) throw malformed()
  return decoded
}

function malformed(): OAuthError {
  // Whoever tried Basic must be answered in Basic (RFC 6749 section 5.2).
  return new OAuthError('invalid_client', 'The Basic credentials must be base64 of client_id:client_secret, each form-encoded.', {
    challenge: writeChallenge('Basic', { realm: 'token', charset: 'UTF-8' }),
  })
}
