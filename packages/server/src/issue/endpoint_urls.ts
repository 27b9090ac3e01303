// Where a realm's endpoints are, as it tells the world: on its issuer's origin, never on the Host of a request.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { EndpointName } from '@countersign/protocol/dialect/dialect'
import type { Realm } from '../model/realm.ts'

/** Absolute URLs of one endpoint, canonical first; none if the dialect has no such endpoint. */
export function endpointUrls(realm: Realm, dialect: CompiledDialect, endpoint: EndpointName): readonly string[] {
  // Absolute paths stand on the issuer's origin, the others below the issuer itself.
  const base = dialect.document.mount === 'absolute' ? new URL(realm.issuer).origin : realm.issuer.replace(/\/$/, '')
  return dialect.paths(endpoint, realm.id, true).map((path) => base + path)
}
