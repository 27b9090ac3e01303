// From a configured realm to what its endpoints and its APIs' guards work with.

import type { Guard } from '@countersign/guard'
import { createGuard } from '@countersign/guard'
import { CLOCK_LEAD } from '@countersign/guard/clock_lead'
import type { Denial } from '@countersign/guard/options'
import type { RouteRule } from '@countersign/guard/policy'
import type { TokenBudget } from '@countersign/guard/token_cache'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { compile } from '@countersign/protocol/dialect/compile'
import type { Dialect } from '@countersign/protocol/dialect/dialect'
import type { Assertions } from '../gateway/assertion.ts'
import { createAssertions } from '../gateway/assertion.ts'
import type { GuardedApi } from '../gateway/gateway.ts'
import type { RefusedAt } from '../gateway/refusal_audit.ts'
import type { Issuance, RealmContext } from '../issue/context.ts'
import { resourceMetadataUrl } from '../issue/endpoints/protected_resource.ts'
import { createKeyRing } from '../issue/keys/key_ring.ts'
import { readOpaqueClaims } from '../issue/live_token.ts'
import type { Api } from '../model/api.ts'
import type { Realm } from '../model/realm.ts'
import { StoreUnavailable } from '../model/store.ts'
import type { ApiUsage } from './api_usage.ts'
import type { Report } from './refusal.ts'

export function createRealmContext(issuance: Issuance, realm: Realm, masterKey: Uint8Array | null): RealmContext {
  const keys = createKeyRing({
    realmId: realm.id,
    algorithm: realm.algorithm,
    store: issuance.store.signingKeys,
    masterKey,
    random: issuance.random,
    now: issuance.now,
    catchUp: issuance.news.catchUp,
  })
  return { ...issuance, realm, keys, dialects: realm.dialects.map(compileOnce) }
}

const COMPILED = new WeakMap<Dialect, CompiledDialect>()

/** Realms that speak the same document share what is made of it. */
function compileOnce(dialect: Dialect): CompiledDialect {
  const known = COMPILED.get(dialect)
  if (known) return known
  const made = compile(dialect)
  COMPILED.set(dialect, made)
  return made
}

/** What the guards of all APIs tell, and to whom. */
export interface GuardTies {
  /** Of verified tokens, for all APIs together: ten thousand realms hold no more of them than one server has room for. */
  readonly remembered: TokenBudget
  readonly usage: Pick<ApiUsage, 'admissionsOf'>
  readonly refused: (at: RefusedAt, denial: Denial) => void
  readonly report: Report
}

/** The in-process guard of an API: the realm's own keys, store, plans and revocations are its ports. */
export function createGuardedApi(api: Api, context: RealmContext, ties: GuardTies): GuardedApi {
  return { api, guard: guardOf(api, context, ties), assertion: api.assertion ? assertionsOf(api, context) : undefined }
}

function assertionsOf({ upstream }: Api, { realm, keys, signing, random, now }: RealmContext): Assertions {
  return createAssertions({
    issuer: realm.issuer,
    audience: new URL(upstream).origin,
    signer: () => keys.signer(),
    sign: (signer, input) => signing.sign(signer, input),
    id: () => random.id(),
    now,
  })
}

function guardOf(api: Api, context: RealmContext, { usage, refused, report, remembered }: GuardTies): Guard {
  const { realm, dialects, keys, news, store, directory, revocations, now } = context
  return createGuard({
    realm: realm.id,
    issuer: realm.issuer,
    audience: api.audience,
    dialects,
    keys,
    now,
    clockLead: CLOCK_LEAD,
    cache: { budget: remembered },
    apiKey: api.apiKey,
    apiKeys: { find: (hash) => directory.lastKnown.apiKey(realm.id, hash) },
    introspection: {
      async introspect(token) {
        const claims = await readOpaqueClaims(context, token)
        return claims && { ...claims, active: true }
      },
    },
    revocations: {
      isRevoked(jti, sid, clientId, issuedAt) {
        if (!news.isTrusted()) throw new StoreUnavailable('The guards trust what they know for no longer while the database is away.')
        return revocations.isRevoked(realm.id, jti, sid, clientId, issuedAt)
      },
    },
    // A proof that another node has seen is refused here too.
    replays: { claim: (name, expiresAt) => store.replays.claim(realm.id, `dpop ${api.id} ${name}`, expiresAt) },
    baseUrls: baseUrlsOf(api, realm),
    resourceMetadata: resourceMetadataUrl(api, realm),
    policy: { routes: api.routes.map(ruleOf), otherwise: api.otherwise },
    admissions: usage.admissionsOf({ ...context, directory: directory.lastKnown }, api),
    onDenied: (denial) => refused({ realmId: realm.id, apiId: api.id }, denial),
    onMalfunction: (error) => report(error, `the guard of ${api.id} cannot decide`),
  })
}

/** To the guard, a route without methods is one that has no word of them. */
function ruleOf({ methods, path, scopes, cost }: Api['routes'][number]): RouteRule {
  return { path, scopes, cost, ...(methods.length > 0 && { methods }) }
}

/** Where callers find the API: below its prefix where they find the realm, and at its own hosts. */
function baseUrlsOf({ hosts, prefix }: Api, realm: Realm): readonly string[] {
  const origins = [new URL(realm.issuer).origin, ...realm.hosts.map((host) => `https://${host}`)]
  return [...origins.map((origin) => origin + prefix), ...hosts.map((host) => `https://${host}`)]
}
