// THE pipeline of the resource server: path and policy, presentation, what is missing, bearer, proof, API key, same client, address, scope,
// plan. One function sees all steps. It answers at once unless a port does not. RFC 6750, RFC 9068 section 4, RFC 9449, RFC 9700 section 2.3.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import { createAdmit } from './admission.ts'
import { createAnonymous, keyedAllow } from './allow.ts'
import type { KeyRefusal } from './api_key.ts'
import { createKeyFinder, mayComeFrom } from './api_key.ts'
import type { VerifiedToken } from './bearer.ts'
import { createBearer } from './bearer.ts'
import { createDenier, partsOf } from './challenge.ts'
import { createDpop } from './dpop.ts'
import { createFixedDenials } from './fixed_denials.ts'
import type { GuardOptions } from './options.ts'
import { bearerOptions, checkOptions } from './options.ts'
import type { Route, RouteRefusal } from './policy.ts'
import { compilePolicy } from './policy.ts'
import type { ApiKeyRecord } from './ports.ts'
import type { Shown } from './presentation.ts'
import { presentationOf } from './presentation.ts'
import { createReplayMemory } from './replay_memory.ts'
import type { TokenRefusal } from './token_rules.ts'
import type { Allow, Deny, Verdict } from './verdict.ts'

export type { GuardOptions }

export interface GuardRequest {
  readonly method: string
  /** As it came on the wire, with or without query. */
  readonly path: string
  /** Names in lower case, as Node has them. */
  readonly headers: IncomingFields
  /** Node's flat list of names and values: it alone shows a second `Authorization`. */
  readonly rawHeaders?: readonly string[] | undefined
  /** Whom it comes from, for keys that may be used from some addresses only: a proxy's word on it resolved already. */
  readonly address?: string | undefined
  /** Whoever asks passes the request on where its answer is not seen: it is counted as such at once. Default: its end is told of. */
  readonly unseen?: boolean | undefined
}

export interface Guard {
  /** Never throws and never rejects: what cannot be verified is denied with `cannot_verify`. */
  check(request: GuardRequest): Verdict | Promise<Verdict>
  /** Headers that carry credentials, in lower case: a gateway takes them out of what it passes on. */
  readonly credentialHeaders: readonly string[]
  /** The guard's clock, epoch seconds: adapters measure by it. */
  readonly now: () => number
  /** Forgets every verified token, for instance after a key was withdrawn. */
  forget(): void
}

/** @throws TypeError for options that would guard nothing */
export function createGuard(options: GuardOptions): Guard {
  const { apiKey: keyMode = 'off', baseUrls = [], now = () => Date.now() / 1000, onDenied } = options
  const presentation = presentationOf(options.dialects, keyMode !== 'off', baseUrls.length > 0)
  checkOptions(options, presentation.apiKeyHeader)
  const policy = compilePolicy(options.policy ?? { routes: [] })
  const bearer = createBearer(bearerOptions(options, now))
  const keys = keyMode === 'off' ? undefined : options.apiKeys && createKeyFinder(options.apiKeys, now)
  const { realm, resourceMetadata } = options
  const deny = createDenier({ realm, resourceMetadata, apiKeyHeader: presentation.apiKeyHeader, dpop: presentation.dpop })
  const dpop = createDpop({ baseUrls, now, replays: options.replays ?? createReplayMemory({ maxProofs: MAX_PROOFS, now }) })
  const fixed = createFixedDenials(deny, { dpop: presentation.dpop, retryAfter: options.retryAfter ?? 5 })
  const anonymous = createAnonymous(realm)

  const malfunction = (error: unknown, denial: 'cannot_verify' | 'cannot_charge'): Deny => {
    quietly(() => options.onMalfunction?.(error))
    return fixed(denial)
  }

  const unverified = (error: unknown): Deny => malfunction(error, 'cannot_verify')

  const tell = (verdict: Verdict, { clientId, apiKeyId, request: { address } }: Asked): Verdict => {
    if (verdict.allow || onDenied === undefined) return verdict
    const { code, reason } = verdict
    quietly(() => onDenied({ code, reason, clientId, apiKeyId, address }))
    return verdict
  }

  const conclude = (verdict: Verdict, asked: Asked): Verdict => (asked.isTold ? verdict : tell(verdict, asked))

  const admit = options.admissions && createAdmit<Asked>(options.admissions, deny, (error) => malfunction(error, 'cannot_charge'), tell)

  const withScope = (asked: Asked, token: VerifiedToken, route: Route, allow: Allow): Verdict | Promise<Verdict> => {
    for (const name of route.scopes)
      if (!token.scopes.has(name)) return deny('insufficient_scope', { scope: route.scopes, scheme: asked.scheme })
    if (admit === undefined) return allow
    const verdict = admit(allow, route, asked)
    asked.isTold = verdict instanceof Promise
    return verdict
  }

  const withKey = (asked: Asked, token: VerifiedToken, route: Route, key: ApiKeyRecord | KeyRefusal): Verdict | Promise<Verdict> => {
    if (typeof key === 'string') return deny('invalid_api_key', { reason: key })
    asked.apiKeyId = key.id
    if (key.clientId !== token.clientId) return fixed('client_mismatch')
    if (!mayComeFrom(key, asked.request.address)) return fixed('address_not_allowed')
    return withScope(asked, token, route, keyedAllow(token, key.id))
  }

  const withToken = (asked: Asked, token: VerifiedToken, route: Route, { apiKey, keyHash }: Known): Verdict | Promise<Verdict> => {
    if (apiKey === undefined || keys === undefined) return withScope(asked, token, route, token.allow)
    const found = keys.find(apiKey, keyHash)
    return found instanceof Promise ? found.then((key) => withKey(asked, token, route, key)) : withKey(asked, token, route, found)
  }

  // The token is judged before the key: only who holds a valid token may learn whether a key exists.
  const withVerified = (asked: Asked, token: VerifiedToken | TokenRefusal, route: Route, shown: Known): Verdict | Promise<Verdict> => {
    const { scheme, request } = asked
    if ('code' in token) return deny(token.code, partsOf(token, scheme))
    asked.clientId = token.clientId
    if (scheme === 'bearer') return token.binding === null ? withToken(asked, token, route, shown) : fixed('bound')
    return andThen(dpop.check(request, shown.token ?? '', token), (refused) =>
      refused === undefined ? withToken(asked, token, route, shown) : deny(refused.code, partsOf(refused, 'dpop')),
    )
  }

  /** What was verified before is not read by the rules once more. */
  const readCredentials = (headers: IncomingFields): Known => {
    const token = presentation.candidate(headers)
    const known = token === undefined ? undefined : bearer.cached(token)
    if (known === undefined) return presentation.read(headers)
    const key = keys === undefined ? undefined : presentation.keyCandidate(headers)
    const keyHash = key === undefined ? undefined : keys?.hashOf(key)
    if (keyHash !== undefined) return { token, apiKey: key, keyHash, problem: undefined, dpop: false, known }
    const { apiKey, problem } = keyMode === 'off' ? NO_KEY : presentation.readApiKey(headers)
    return { token, apiKey, keyHash, problem, dpop: false, known }
  }

  const judge = (asked: Asked): Verdict | Promise<Verdict> => {
    const { method, path, headers, rawHeaders } = asked.request
    const route = policy.match(method, path)
    if ('refused' in route) return deny(route.refused, routeParts(route))
    if (rawHeaders !== undefined && presentation.isRepeated(rawHeaders)) return fixed('repeated')
    const shown = readCredentials(headers)
    if (shown.dpop) asked.scheme = 'dpop'
    const { token, apiKey, problem, known } = shown
    if (problem !== undefined) return deny('invalid_request', { detail: problem, scheme: asked.scheme })
    if (token === undefined) return route.anonymous ? anonymous() : fixed('missing_token')
    if (apiKey === undefined && keyMode === 'required') return fixed('missing_api_key')
    return known === undefined
      ? andThen(bearer.verify(token), (one) => withVerified(asked, one, route, shown))
      : withVerified(asked, known, route, shown)
  }

  return {
    check(request) {
      const asked: Asked = { request, scheme: 'bearer', clientId: undefined, apiKeyId: undefined, isTold: false }
      try {
        const verdict = judge(asked)
        if (!(verdict instanceof Promise)) return conclude(verdict, asked)
        // Most often only the plan is waited for, and its answer need not be waited for twice.
        if (asked.isTold) return verdict
        return verdict.then(
          (one) => conclude(one, asked),
          (error: unknown) => conclude(unverified(error), asked),
        )
      } catch (error) {
        return conclude(unverified(error), asked)
      }
    },
    credentialHeaders: presentation.headers,
    now,
    forget: () => bearer.clear(),
  }
}

/** One request on its way, and what is known of the caller by now. */
interface Asked {
  readonly request: GuardRequest
  /** How the token came. */
  scheme: 'bearer' | 'dpop'
  /** Of the token, once it is verified. */
  clientId: string | undefined
  /** Of the key that was found. */
  apiKeyId: string | undefined
  /** The plan's step tells of its verdict itself. */
  isTold: boolean
}

interface Known extends Shown {
  /** Verified before; never by the scheme DPoP, whose every use wants a new proof. */
  readonly known?: VerifiedToken
  /** Of a key that somebody had once. */
  readonly keyHash?: string | undefined
}

const NO_KEY = Object.freeze({ apiKey: undefined, problem: undefined })

const MAX_PROOFS = 500_000

/** At once where the value is there at once. */
function andThen<Value, Result>(value: Value | Promise<Value>, act: (value: Value) => Result | Promise<Result>): Result | Promise<Result> {
  return value instanceof Promise ? value.then(act) : act(value)
}

/** A log that fails must not change the verdict. */
function quietly(tell: () => void): void {
  try {
    tell()
  } catch {
    // Nobody is left to tell.
  }
}

function routeParts({ detail, allow }: RouteRefusal): { detail?: string; headers?: Record<string, string> } {
  return { ...(detail !== undefined && { detail }), ...(allow !== undefined && { headers: { allow } }) }
}
