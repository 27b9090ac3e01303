// Which request is for which endpoint of which realm in which dialect: exact paths, looked up; only a key's PEM has its kid as file name.
// (a) a realm's own hosts answer at its dialects' paths from the root; (b) every other host below /realms/{realm}.
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { compile } from '@countersign/protocol/dialect/compile'
import { ENDPOINT_NAMES } from '@countersign/protocol/dialect/dialect'
import { usagePath } from '../config/dialect.ts'
import type { Endpoint, RealmContext } from '../issue/context.ts'
import { ENDPOINTS } from '../issue/endpoints/endpoints.ts'
import { guardKey } from '../issue/endpoints/guard_key.ts'
import { GUARD_PATHS, guardMetadata } from '../issue/endpoints/guard_metadata.ts'
import { protectedResource, resourcePlaces } from '../issue/endpoints/protected_resource.ts'
import { revocationFeed } from '../issue/endpoints/revocation_feed.ts'
import { usage } from '../issue/endpoints/usage.ts'
import type { Api } from '../model/api.ts'

export interface Mounted {
  /** For the operator: `token`, `jwks`. */
  readonly name: string
  readonly context: RealmContext
  readonly dialect: CompiledDialect
  readonly endpoint: Endpoint
}

export interface MountTable {
  /** @param host lower case, without port. @param path without query, as sent: another spelling is another path. */
  find(host: string, path: string): Mounted | undefined
}

export function createMountTable(realms: readonly RealmContext[], apis: readonly Api[] = []): MountTable {
  const anywhere = new Map<string, Mounted>()
  const byHost = new Map<string, Map<string, Mounted>>()
  for (const context of realms) {
    mountAll(anywhere, context, `/realms/${context.realm.id}`, false)
    for (const host of context.realm.hosts) {
      const paths = byHost.get(host) ?? new Map<string, Mounted>()
      byHost.set(host, paths)
      mountAll(paths, context, new URL(context.realm.issuer).pathname.replace(/\/$/, ''), true)
    }
  }
  const byId = new Map(realms.map((context) => [context.realm.id, context]))
  for (const api of apis) mountResource(api, byId.get(api.realmId), anywhere, byHost)
  const at = (host: string, path: string): Mounted | undefined => byHost.get(host)?.get(path) ?? anywhere.get(path)
  return {
    find: (host, path) =>
      at(host, path) ?? (path.endsWith(PEM) ? at(host, `${path.slice(0, path.lastIndexOf('/') + 1)}{kid}${PEM}`) : undefined),
  }
}

const PEM = '.pem'

/** @param issuerPath path part of the realm's issuer here, without a slash at its end. */
function mountAll(paths: Map<string, Mounted>, context: RealmContext, issuerPath: string, rooted: boolean): void {
  // Ours alone: no provider's dialect has a word for them.
  const [canonical] = context.dialects
  if (canonical) add(paths, usagePath(context.realm.id), { context, dialect: canonical, endpoint: usage, name: 'usage' })
  for (const [path, endpoint, name] of FOR_GUARDS) {
    add(paths, `/realms/${context.realm.id}${path}`, { context, dialect: STANDARD, endpoint, name })
  }
  for (const dialect of context.dialects) {
    for (const name of ENDPOINT_NAMES) {
      const mounted: Mounted = { context, dialect, endpoint: ENDPOINTS[name], name }
      for (const path of dialect.paths(name, context.realm.id, rooted)) {
        add(paths, path, mounted)
        // Where the issuer has a path of its own on this host, its metadata names the endpoints below that path.
        if (rooted && dialect.document.mount === 'prefixed') add(paths, issuerPath + path, mounted)
      }
      if (name === 'metadata') for (const path of wellKnownPaths(issuerPath, context.realm.issuer.endsWith('/'))) add(paths, path, mounted)
    }
  }
}

/** Guards are programs of ours: whatever the realm's dialects, they speak the standards'. */
const STANDARD = compile(standard)
const FOR_GUARDS: readonly (readonly [path: string, endpoint: Endpoint, name: string])[] = [
  [GUARD_PATHS.guard, guardMetadata, 'guard'],
  [GUARD_PATHS.revocations, revocationFeed, 'guard_revocations'],
  [GUARD_PATHS.apiKey, guardKey, 'guard_api_key'],
]

/** A realm's own endpoints stay: they were there first. */
function mountResource(
  api: Api,
  context: RealmContext | undefined,
  anywhere: Map<string, Mounted>,
  byHost: Map<string, Map<string, Mounted>>,
): void {
  if (!context) return
  for (const place of resourcePlaces(api, context.realm)) {
    const paths = place.host === null ? anywhere : (byHost.get(place.host) ?? new Map<string, Mounted>())
    if (place.host !== null) byHost.set(place.host, paths)
    add(paths, place.path, { context, dialect: STANDARD, endpoint: protectedResource(api, place), name: 'protected_resource' })
  }
}

/** Before the issuer's path (RFC 8414, RFC 8615) and behind it (OpenID Connect). @param slash whether the issuer ends with one */
function wellKnownPaths(issuerPath: string, slash: boolean): string[] {
  return WELL_KNOWN.flatMap((wellKnown) => {
    const paths = [wellKnown + issuerPath, issuerPath + wellKnown]
    // RFC 8414 section 3.1 has the slash removed first; clients forget to.
    return slash ? [...paths, `${wellKnown}${issuerPath}/`] : paths
  })
}

const WELL_KNOWN = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']

/** The first to come stays: a realm's canonical dialect speaks for paths that several share. */
function add(paths: Map<string, Mounted>, path: string, mounted: Mounted): void {
  if (!paths.has(path)) paths.set(path, mounted)
}
