// Request parameters: parsed once at the door, bounded, each at most once. RFC 6749 section 3.2, appendix B.
import { OAuthError } from './error.ts'
import { parseStrictJson, StrictJsonError } from './strict_json.ts'

/** Canonical name to value. Empty values are absent (RFC 6749 section 3.2). `resource` alone may come several times, space-joined. */
export type Parameters = ReadonlyMap<string, string>

export const MAX_BODY_BYTES = 32 * 1024
const MAX_PARAMETERS = 100
const MAX_VALUE_LENGTH = 16 * 1024
/** RFC 8707 section 2 lets `resource` be repeated; no value of it has a space, so a space joins them. */
const REPEATABLE = 'resource'

/**
 * Reads an `application/x-www-form-urlencoded` body: UTF-8, `+` as space.
 * @throws OAuthError invalid_request for a repeated parameter, a broken escape, a control character, or too much of anything.
 */
export function readForm(body: string): Parameters {
  const parameters = new Map<string, string>()
  if (body === '') return parameters
  if (body.length > MAX_BODY_BYTES) throw tooLong()
  const pairs = body.split('&', MAX_PARAMETERS + 1)
  if (pairs.length > MAX_PARAMETERS) throw tooMany()
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeFormText(equals < 0 ? pair : pair.slice(0, equals))
    add(parameters, name, equals < 0 ? '' : decodeFormText(pair.slice(equals + 1)))
  }
  return withoutEmpty(parameters)
}

/** Writes a form body; the inverse of readForm. */
export function writeForm(parameters: Parameters): string {
  const form = new URLSearchParams()
  for (const [name, value] of parameters) {
    if (name === REPEATABLE) for (const one of value.split(' ')) form.append(name, one)
    else form.append(name, value)
  }
  return form.toString()
}

/**
 * Reads a JSON object body whose members are strings; numbers and booleans are taken as their text, null as absent; `resource` may be a list.
 * @throws OAuthError invalid_request for anything else.
 */
export function readJson(body: string): Parameters {
  const parameters = new Map<string, string>()
  if (body.length > MAX_BODY_BYTES) throw tooLong()
  const members = Object.entries(parseObject(body))
  if (members.length > MAX_PARAMETERS) throw tooMany()
  for (const [name, value] of members) {
    for (const text of jsonTexts(name, value)) add(parameters, name, text)
  }
  return withoutEmpty(parameters)
}

/** Writes a JSON body; the inverse of readJson. */
export function writeJson(parameters: Parameters): string {
  return JSON.stringify(
    Object.fromEntries(
      [...parameters].map(([name, value]) => [name, name === REPEATABLE && value.includes(' ') ? value.split(' ') : value]),
    ),
  )
}

/**
 * Decodes one form-encoded name or value.
 * @throws OAuthError invalid_request for an escape that is not UTF-8.
 */
export function decodeFormText(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    throw new OAuthError('invalid_request', 'The body has a percent-escape that is not UTF-8.')
  }
}

/** A control character other than TAB, which usernames and passwords may hold (RFC 6749 appendix A.15, A.16). */
export function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true
  }
  return false
}

/** Form-encodes one name or value (RFC 6749 appendix B). */
export function encodeFormText(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function parseObject(body: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseStrictJson(body, { maxDepth: 4, maxMembers: MAX_PARAMETERS })
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error
    throw new OAuthError('invalid_request', `The body is not acceptable JSON: ${error.message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OAuthError('invalid_request', 'The body must be a JSON object.')
  }
  return value as Record<string, unknown>
}

function jsonTexts(name: string, value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  if (value === null) return []
  if (typeof value === 'boolean') return [String(value)]
  // Beyond 2^53 the number read is not the one written, and two senders would pass for one.
  if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return [String(value)]
  if (name === REPEATABLE && Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw new OAuthError('invalid_request', `The parameter '${shown(name)}' must be a string.`)
}

function add(parameters: Map<string, string>, name: string, value: string): void {
  if (name === '' || name.length > 256) throw new OAuthError('invalid_request', 'A parameter name is empty or longer than 256 characters.')
  if (value.length > MAX_VALUE_LENGTH) {
    throw new OAuthError('invalid_request', `The parameter '${shown(name)}' is longer than ${MAX_VALUE_LENGTH} characters.`)
  }
  if (hasControl(value) || hasControl(name))
    throw new OAuthError('invalid_request', `The parameter '${shown(name)}' has a control character.`)
  if (!value.isWellFormed() || !name.isWellFormed()) {
    throw new OAuthError('invalid_request', `The parameter '${shown(name)}' has half of a surrogate pair.`)
  }
  // A space joins the values of a repeated one: inside a value it would make two of one.
  if (name === REPEATABLE && /\s/.test(value))
    throw new OAuthError('invalid_target', 'The resource must be an absolute URI without a fragment.')
  if (parameters.has(name)) return repeat(parameters, name, value)
  parameters.set(name, value)
}

/** Empty values count as absent, but only after they have counted as repetitions. */
function withoutEmpty(parameters: Map<string, string>): Parameters {
  for (const [name, value] of parameters) if (value === '') parameters.delete(name)
  return parameters
}

function repeat(parameters: Map<string, string>, name: string, value: string): void {
  if (name !== REPEATABLE) throw new OAuthError('invalid_request', `The parameter '${shown(name)}' is given more than once.`)
  if (value !== '') parameters.set(name, `${parameters.get(name)} ${value}`.trimStart())
}

function shown(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}...` : name
}

function tooLong(): OAuthError {
  return new OAuthError('invalid_request', `The body is longer than ${MAX_BODY_BYTES} bytes.`)
}

function tooMany(): OAuthError {
  return new OAuthError('invalid_request', `The body has more than ${MAX_PARAMETERS} parameters.`)
}
