// Scope strings as lists of scope tokens. RFC 6749 section 3.3.
import { OAuthError } from './error.ts'

const MAX_SCOPES = 100
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/

/**
 * Reads a `scope` parameter: tokens in the order given, without repetitions.
 * @throws OAuthError invalid_scope for a character outside the scope-token set or more than 100 tokens.
 */
export function readScope(text: string): readonly string[] {
  if (text === '') return []
  const names = new Set<string>()
  for (const name of text.split(' ')) {
    if (name === '') continue
    if (!SCOPE_TOKEN.test(name))
      throw new OAuthError('invalid_scope', 'The scope has a character that RFC 6749 section 3.3 does not allow.')
    names.add(name)
    if (names.size > MAX_SCOPES) throw new OAuthError('invalid_scope', `The scope names more than ${MAX_SCOPES} values.`)
  }
  return [...names]
}

/** `['read', 'write']` as `read write`. */
export function writeScope(scope: readonly string[]): string {
  return scope.join(' ')
}

/** Whether the text is one scope value: visible ASCII without space, quote and backslash, at most 256 characters. RFC 6749 section 3.3. */
export function isScopeToken(text: string): boolean {
  return SCOPE_TOKEN.test(text)
}
