// The URL a DPoP proof is for, in one spelling: RFC 9449 section 4.3 (9), by the normal forms of RFC 3986 sections 6.2.2 and 6.2.3.
// It reads text and asks nobody; which URLs a request may have been sent to is the receiver's to say.

/**
 * An absolute http or https URL without query and fragment, in its normal form: scheme and host in lower case, no default port, no dot
 * segments, escapes in upper case and only where they are needed. Undefined for anything else, and for what two programs could read
 * differently: credentials, backslashes, broken escapes, escapes in the host, characters that no URL has.
 */
export const normalTargetUri = (url: string): string | undefined => {
  const parts = URI.exec(url)
  if (parts === null) return undefined
  const [, given = '', host = '', port = '', path = ''] = parts
  const scheme = given.toLowerCase()
  const escaped = normalEscapes(path)
  if (escaped === undefined) return undefined
  return `${scheme}://${host.toLowerCase()}${normalPort(scheme, port)}${withoutDotSegments(escaped)}`
}

const URI =
  /^(https?):\/\/([A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?(|\/[\x21-\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*)(?:[?#][\x21-\x7e]*)?$/i

const normalPort = (scheme: string, port: string): string => {
  const number = Number(port)
  return port === '' || number === (scheme === 'https' ? 443 : 80) ? '' : `:${number}`
}

const ESCAPE = /%([0-9A-Fa-f]{2})?/g
const UNRESERVED = /[A-Za-z0-9._~-]/

const normalEscapes = (path: string): string | undefined => {
  if (!path.includes('%')) return path
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return undefined
  return path.replaceAll(ESCAPE, (triplet, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return UNRESERVED.test(character) ? character : triplet.toUpperCase()
  })
}

/** RFC 3986 section 5.2.4, for a path that is empty or begins with a slash. */
const withoutDotSegments = (path: string): string => {
  const kept: string[] = []
  const segments = path.slice(1).split('/')
  for (const [at, segment] of segments.entries()) {
    const dots = segment === '.' || segment === '..'
    if (segment === '..') kept.pop()
    if (!dots) kept.push(segment)
    else if (at === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
