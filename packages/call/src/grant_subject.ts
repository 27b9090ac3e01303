// Whose token a grant gets, for the cache's key: by a name that the caller gives, else by the hash of what proves it.
import { sha256Of } from '@countersign/protocol/jose/web_bytes'
import type { Secret } from './client_options.ts'
import { readSecret } from './client_options.ts'

/** Two members, so that no name passes for a hash. @throws ConfigurationError if the source of the proof gives nothing */
export async function subjectShape(subject: string | undefined, proof: Secret, name: string): Promise<readonly string[]> {
  return subject === undefined ? ['proof', await sha256Of(await readSecret(proof, name))] : ['subject', subject]
}
