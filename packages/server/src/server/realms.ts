// From a configured realm to what its endpoints and its APIs' guards work with.
import type { Guard } from '@countersign/guard'
import { createGuard } from '@countersign/guard'
import { compile } from '@countersign/protocol/dialect/compile'
import type { GuardedApi } from '../gateway/gateway.ts'
import type { Issuance, RealmContext } from '../issue/context.ts'
import { createKeyRing } from '../issue/keys/key_ring.ts'
import { readOpaqueClaims } from '../issue/live_token.ts'
import type { Api } from '../model/api.ts'
import type { Realm } from '../model/realm.ts'
import type { Report } from './refusal.ts'

export function createRealmContext(issuance: Issuance, realm: Realm, masterKey: Uint8Array | null): RealmContext {
  const keys = createKeyRing({
    realmId: realm.id,
    algorithm: realm.algorithm,
    store: issuance.store.signingKeys,
    masterKey,
    random: issuance.random,
    now: issuance.now,
  })
  return { ...issuance, realm, keys, dialects: realm.dialects.map(compile) }
}

/** The in-process guard of an API: the realm's own keys, store and revocations are its ports. */
export function createGuardedApi(api: Api, context: RealmContext, report: Report): GuardedApi {
  return { api, guard: guardOf(api, context, report) }
}

function guardOf(api: Api, context: RealmContext, report: Report): Guard {
  const { realm, dialects, keys, directory, revocations, now } = context
  return createGuard({
    realm: realm.id,
    issuer: realm.issuer,
    audience: api.audience,
    dialects,
    keys,
    now,
    apiKey: api.apiKey,
    apiKeys: { find: (hash) => directory.apiKey(realm.id, hash) },
    introspection: {
      async introspect(token) {
        const claims = await readOpaqueClaims(context, token)
        return claims && { ...claims, active: true }
      },
    },
    revocations: { isRevoked: (jti, sid) => revocations.isRevoked(realm.id, jti, sid) },
    baseUrls: baseUrlsOf(api, realm),
    policy: {
      routes: api.routes.map((route) => (route.methods.length > 0 ? route : { path: route.path, scopes: route.scopes })),
      otherwise: api.otherwise,
    },
    onMalfunction: (error) => report(error, `the guard of ${api.id} cannot verify`),
  })
}

/** Where callers find the API: below its prefix where they find the realm, and at its own hosts. */
function baseUrlsOf({ hosts, prefix }: Api, realm: Realm): readonly string[] {
  const origins = [new URL(realm.issuer).origin, ...realm.hosts.map((host) => `https://${host}`)]
  return [...origins.map((origin) => origin + prefix), ...hosts.map((host) => `https://${host}`)]
}
