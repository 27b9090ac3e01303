// A dialect for `createClient` by its name or its document, checked as the server checks it. Apart from the core, so that only those
// who give a document carry the check and every built-in dialect.
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import type { ClientDialect } from '@countersign/protocol/dialect/client'
import { clientDialect } from '@countersign/protocol/dialect/client'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { DialectError, resolveDialect } from '@countersign/protocol/dialect/resolve'
import { standardClient } from '@countersign/protocol/dialect/standard_client'
import { ConfigurationError } from './errors.ts'

/**
 * @param document a built-in's name (`standard`, `keycloak`, `auth0`, `webcommander`) or a document, the same as the server is configured with.
 * @throws ConfigurationError: where the document is none, and why.
 */
export function dialect(document: string | DialectDocument): ClientDialect {
  try {
    const resolved = resolveDialect(document)
    // The same object as the default, so that both share their cached tokens.
    return resolved === standard ? standardClient : clientDialect(resolved)
  } catch (error) {
    if (error instanceof DialectError) throw new ConfigurationError(`The dialect cannot be used: ${error.message}.`)
    throw error
  }
}
