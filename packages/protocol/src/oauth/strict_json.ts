// JSON that has one reading only: RFC 8259 with the rules of I-JSON (RFC 7493) that matter to security.
// Duplicate members, `__proto__`, lone surrogates, numbers beyond a double and excess depth are refused. Decoding bytes is the caller's.

export type JsonValue = string | number | boolean | null | JsonArray | JsonObject
export type JsonArray = readonly JsonValue[]
/** Plain data. Ask `Object.hasOwn` before reading a member named by a stranger. */
export interface JsonObject {
  readonly [name: string]: JsonValue
}

export interface StrictJsonLimits {
  /** Objects and arrays inside one another; a bare `{}` has depth 1. */
  readonly maxDepth: number
  /** Members of objects and elements of arrays, in all. */
  readonly maxMembers: number
}

/** `message` is one sentence for the sender; it never quotes the text. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError'
}

/**
 * Reads any JSON value. The length of `text` must have been bounded before.
 * @throws StrictJsonError
 */
export function parseStrictJson(text: string, limits: StrictJsonLimits): JsonValue {
  const members = scan(text, limits)
  const value = parse(text)
  const surrogates = text.includes('\\u') || !text.isWellFormed()
  const tally: Tally = { members: 0, elements: 0, maxMembers: limits.maxMembers, surrogates }
  count(value, tally)
  // JSON.parse keeps the last of equal names, however they were spelled: a duplicate is a member that went missing.
  if (tally.members !== members) throw new StrictJsonError('The JSON has an object with two members of the same name.')
  return value
}

/** Whether a JSON value is an object: neither null nor an array. */
export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Tally {
  members: number
  elements: number
  readonly maxMembers: number
  readonly surrogates: boolean
}

const QUOTE = 34
const COLON = 58
const BACKSLASH = 92

// Counts the colons outside strings, which in valid JSON is the number of members written, and the depth.
// It need not notice invalid JSON: JSON.parse does that afterwards.
function scan(text: string, { maxDepth, maxMembers }: StrictJsonLimits): number {
  let members = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at + 1)
    } else if (code === COLON) {
      if (++members > maxMembers) throw tooMany()
    } else if (code === 123 || code === 91) {
      if (++depth > maxDepth) throw new StrictJsonError(`The JSON is nested more than ${maxDepth} levels deep.`)
    } else if (code === 125 || code === 93) {
      depth--
    }
  }
  return members
}

function endOfString(text: string, start: number): number {
  for (let from = start; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0) throw new StrictJsonError('The text is not valid JSON.')
    let backslashes = 0
    while (quote - 1 - backslashes >= start && text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return quote
    from = quote + 1
  }
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    // The cause is left out: it quotes the text.
    throw new StrictJsonError('The text is not valid JSON.')
  }
}

function count(value: JsonValue, tally: Tally): void {
  if (typeof value === 'string') return checkText(value, tally)
  if (typeof value === 'number' && !Number.isFinite(value)) throw new StrictJsonError('The JSON has a number that is too large.')
  if (typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) return countElements(value, tally)
  countMembers(value as JsonObject, tally)
}

function countElements(elements: JsonArray, tally: Tally): void {
  tally.elements += elements.length
  if (tally.members + tally.elements > tally.maxMembers) throw tooMany()
  for (const element of elements) count(element, tally)
}

function countMembers(object: JsonObject, tally: Tally): void {
  for (const name of Object.keys(object)) {
    if (++tally.members + tally.elements > tally.maxMembers) throw tooMany()
    if (name === '__proto__') throw new StrictJsonError('The JSON has a member named __proto__.')
    checkText(name, tally)
    count(object[name] as JsonValue, tally)
  }
}

function checkText(text: string, tally: Tally): void {
  if (tally.surrogates && !text.isWellFormed()) throw new StrictJsonError('The JSON has a string with half of a surrogate pair.')
}

function tooMany(): StrictJsonError {
  return new StrictJsonError('The JSON has too many members.')
}
