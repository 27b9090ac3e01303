// The JWT bearer grant: somebody else's assertion for a token, as a cluster or a CI job writes one. RFC 7523 section 2.1.
import { JWT_BEARER } from '@countersign/protocol/oauth/grant_type'
import type { Secret } from '../client_options.ts'
import { readSecret } from '../client_options.ts'
import type { GrantSource } from '../extensions.ts'
import { subjectShape } from '../grant_subject.ts'

export interface JwtBearerOptions {
  /** The JWT, or where to get it, asked for before each token request: `() => readFile('/var/run/secrets/tokens/api', 'utf8')`. */
  readonly assertion: Secret
  /** A name for whose assertion it is, so that a cache finds the token again when the assertion was renewed. Default: the assertion, by its hash. */
  readonly subject?: string
}

/** One client for one subject. White space around the assertion, as files have it, is left out. */
export function jwtBearer({ assertion, subject }: JwtBearerOptions): GrantSource {
  const read = async (): Promise<string> => (await readSecret(assertion, 'assertion')).trim()
  return {
    name: JWT_BEARER,
    shape: () => subjectShape(subject, read, 'assertion'),
    parameters: async ({ asked }) => new Map(asked).set('grant_type', JWT_BEARER).set('assertion', await read()),
  }
}
