// A refresh token that the caller has already, as the start: from the first answer on, the client goes on with what it was given. RFC 6749 section 6.
import type { Secret } from '../client_options.ts'
import { readSecret } from '../client_options.ts'
import type { GrantSource } from '../extensions.ts'
import { subjectShape } from '../grant_subject.ts'

export interface RefreshTokenOptions {
  /** Or where to get it. A server that rotates takes it once: let such a client keep its successors in a cache that outlives it. */
  readonly refreshToken: Secret
  /** A name for whose token it is: needed for that cache to find the successors once the source gives another. Default: the token, by its hash. */
  readonly subject?: string
}

export function refreshToken({ refreshToken: token, subject }: RefreshTokenOptions): GrantSource {
  return {
    name: 'refresh_token',
    shape: () => subjectShape(subject, token, 'refreshToken'),
    parameters: async () =>
      new Map([
        ['grant_type', 'refresh_token'],
        ['refresh_token', await readSecret(token, 'refreshToken')],
      ]),
  }
}
