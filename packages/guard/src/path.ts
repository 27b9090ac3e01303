// The path of a request, read once: what policy matches and a gateway forwards is the same reading. RFC 3986 section 3.3.
// Whatever two programs could read differently is refused. The query is carried along unread.

export interface CanonicalPath {
  /** To be forwarded as it is: the path as sent, hexadecimal digits of its escapes in upper case, `%7E` as `~`. */
  readonly path: string
  /** Decoded, in order; `/` is one empty segment, and a trailing slash ends in one. */
  readonly segments: readonly string[]
  /** '' or with its question mark. */
  readonly query: string
}

export interface PathProblem {
  /** One sentence the caller may read. */
  readonly problem: string
}

/** Reads a request target in origin form, with or without a query. */
export function readPath(raw: string): CanonicalPath | PathProblem {
  if (raw.length > MAX_LENGTH) return TOO_LONG
  const question = raw.indexOf('?')
  const path = question < 0 ? raw : raw.slice(0, question)
  const query = question < 0 ? '' : raw.slice(question)
  return isPlain(path) ? { path, segments: path.slice(1).split('/'), query } : readUnusual(path, query)
}

/** The path of a request target without its query, if it is like nearly every path and so reads as it stands; undefined says nothing. */
export function plainPath(raw: string): string | undefined {
  if (raw.length > MAX_LENGTH) return undefined
  const question = raw.indexOf('?')
  const path = question < 0 ? raw : raw.slice(0, question)
  return isPlain(path) ? path : undefined
}

const MAX_LENGTH = 8192
const problem = (sentence: string): PathProblem => Object.freeze({ problem: sentence })
const TOO_LONG = problem(`The path and query are longer than ${MAX_LENGTH} characters.`)
const NO_PATH = problem('The request target must be a path that begins with a slash.')
const BAD_CHARACTER = problem('The path has a character that must be percent-encoded, or a backslash.')
const BAD_ESCAPE = problem('The path has a percent-escape that is not UTF-8.')
const NEEDLESS_ESCAPE = problem('The path has a percent-escape for a character that needs none.')
const HIDDEN_DELIMITER = problem('The path has a percent-escape that hides a slash, a backslash, a dot or a control character.')
const DOT_SEGMENT = problem('The path has a dot segment.')
const EMPTY_SEGMENT = problem('The path has an empty segment.')

const SLASH = 0x2f
const DOT = 0x2e
/** By character code: what a plain segment is made of, a dot not as its first. */
const PLAIN = Array.from({ length: 128 }, (_, code) => /[A-Za-z0-9_.~-]/.test(String.fromCharCode(code)))

/**
 * What nearly every path is: unreserved characters, no segment empty but the last or starting with a dot. In one pass and by code: a
 * regular expression takes three times as long, and this is on the way of every request.
 */
function isPlain(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return false
  let isStart = true
  for (let at = 1; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (isStart ? code === SLASH || code === DOT || PLAIN[code] !== true : code !== SLASH && PLAIN[code] !== true) return false
    isStart = code === SLASH
  }
  return true
}

const VISIBLE = /^[\x21-\x5b\x5d-\x7e]*$/
const ESCAPE = /%(?:[0-9A-Fa-f]{2})?/g
// Clients escape `~` (old encoders do), but never a letter, digit, hyphen, dot or underscore: such an escape only serves to let
// one reader see a literal segment where the next, who compares before decoding, sees a parameter.
const NEEDLESS = /%(?:3[0-9]|[46][1-9A-F]|[57][0-9A]|2[DE]|5F)/
const DELIMITER = /%(?:2F|5C|[01][0-9A-F]|7F)/
// The same once more, for those who decode twice.
const TWICE = /%25(?:2[Ff]|5[Cc]|2[Ee]|00)/

function readUnusual(given: string, query: string): CanonicalPath | PathProblem {
  if (given.charCodeAt(0) !== 0x2f) return NO_PATH
  if (!VISIBLE.test(given) || given.includes('#')) return BAD_CHARACTER
  const path = given.replaceAll(ESCAPE, (triplet) => triplet.toUpperCase()).replaceAll('%7E', '~')
  const reading = problemOfEscapes(path) ?? decodeSegments(path)
  if (!Array.isArray(reading)) return reading
  return problemOfSegments(reading) ?? { path, segments: reading, query }
}

function problemOfEscapes(path: string): PathProblem | undefined {
  if (!path.includes('%')) return undefined
  if (DELIMITER.test(path) || TWICE.test(path) || path.includes('%2E')) return HIDDEN_DELIMITER
  return NEEDLESS.test(path) ? NEEDLESS_ESCAPE : undefined
}

function decodeSegments(path: string): string[] | PathProblem {
  try {
    return path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return BAD_ESCAPE
  }
}

function problemOfSegments(segments: readonly string[]): PathProblem | undefined {
  const last = segments.length - 1
  for (const [at, segment] of segments.entries()) {
    if (segment === '') {
      if (at !== last) return EMPTY_SEGMENT
      continue
    }
    // Some servers drop `;parameters` before they resolve dot segments: `..;` is one to them.
    const bare = withoutParameters(segment)
    if (bare === '') return EMPTY_SEGMENT
    if (bare === '.' || bare === '..') return DOT_SEGMENT
  }
  return undefined
}

/** A segment as those read it who drop `;parameters`. */
export function withoutParameters(segment: string): string {
  const semicolon = segment.indexOf(';')
  return semicolon < 0 ? segment : segment.slice(0, semicolon)
}
