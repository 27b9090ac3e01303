// Hashes of random secrets (>= 128 bits): client secrets, API keys, refresh and opaque tokens. Not for humans' passwords.
import { hash } from 'node:crypto'

/** `sha256:<base64url>` of the UTF-8 text. */
export function secretHash(secret: string): string {
  return `sha256:${hash('sha256', secret, 'base64url')}`
}
