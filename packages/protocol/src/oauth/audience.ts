// The two ways to name the API a token is for: `resource` (RFC 8707) and `audience` (Auth0, RFC 8693).
import { OAuthError } from './error.ts'

const MAX_LENGTH = 512
/** The characters of RFC 3986: a URL parser alone forgives spaces, tabs and backslashes that the next reader may not. */
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?[\]@!$&'()*+,;=%]+$/

/**
 * Checks one `resource`: an absolute URI without a fragment (RFC 8707 section 2).
 * @throws OAuthError invalid_target
 */
export function readResource(text: string): string {
  if (text.length > MAX_LENGTH || !ABSOLUTE_URI.test(text) || !URL.canParse(text)) {
    throw new OAuthError('invalid_target', 'The resource must be an absolute URI without a fragment.')
  }
  return text
}

/**
 * Checks one `audience`: a name or a URI of visible ASCII characters.
 * @throws OAuthError invalid_target
 */
export function readAudience(text: string): string {
  if (text.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(text)) {
    throw new OAuthError('invalid_target', 'The audience must be one name or URI of visible ASCII characters.')
  }
  return text
}
