// client_assertion: a signed JWT as the client's credentials, each good for one request. RFC 7521 section 4.2, RFC 7523 sections 2.2 and 3.
// What it must say is here; whose signature it is, is for private_key_jwt.ts and client_secret_jwt.ts.
import { hash } from 'node:crypto'
import type { RegisteredClaims } from '@countersign/protocol/jose/claims_check'
import type { JoseErrorCode } from '@countersign/protocol/jose/error'
import { JoseError } from '@countersign/protocol/jose/error'
import { isHmacName } from '@countersign/protocol/jose/hmac'
import { readJwt } from '@countersign/protocol/jose/jwt'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Client } from '../../model/client.ts'
import type { RealmContext } from '../context.ts'
import { endpointUrls } from '../endpoint_urls.ts'
import { clientSecretJwt } from './client_secret_jwt.ts'
import type { Assertion, AssertionMethod, ClientAuth, Presented, Proof } from './method.ts'
import { privateKeyJwt } from './private_key_jwt.ts'

export const clientAssertion: ClientAuth = {
  present: ({ parameters }) => {
    const text = parameters.get('client_assertion')
    const type = parameters.get('client_assertion_type')
    if (text === undefined && type === undefined) return undefined
    if (text === undefined) throw new OAuthError('invalid_request', "The parameter 'client_assertion' is missing.")
    if (type === undefined) throw new OAuthError('invalid_request', "The parameter 'client_assertion_type' is missing.")
    if (type !== TYPE) throw new OAuthError('invalid_client', `The client_assertion_type must be ${TYPE}.`)
    return present(text)
  },
}

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Seconds by which a client's clock may differ from ours: FAPI 2.0 section 5.3.2.1 wants at least 10, and forbids 60. */
const CLOCK_TOLERANCE = 10
/** Seconds that an assertion may be good for: so long its jti is remembered. */
const MAX_LIFETIME = 3600
/** Seconds that a jti is remembered beyond the assertion's end, for processes whose clocks differ. */
const REPLAY_MARGIN = 60
const MAX_JTI_LENGTH = 200
/** Seconds until it is worth asking again when a client's keys cannot be fetched. */
const RETRY_SECONDS = 5

function present(text: string): Presented {
  const jwt = readAssertion(text)
  const clientId = jwt.claims['sub']
  if (typeof clientId !== 'string' || clientId === '') throw unreadable()
  // The header chooses among two methods and no more: each has its own kind of key, and the client must have that method.
  const method = isHmacName(jwt.header.alg) ? clientSecretJwt : privateKeyJwt
  return {
    method: method.name,
    clientId,
    prove: async (context, client, allowed) => {
      const guess = hash('sha256', text, 'base64url')
      if (!client || !allowed) return { proven: false, guess }
      try {
        return await proveBy(method, context, client, { text, jwt }, guess)
      } catch (error) {
        if (!(error instanceof JoseError)) throw error
        if (error.code === 'key_unavailable') throw keysUnavailable(error)
        return refused(context, guess, SAID.get(error.code))
      }
    },
  }
}

function readAssertion(text: string): Assertion['jwt'] {
  try {
    return readJwt(text)
  } catch (error) {
    throw error instanceof JoseError ? unreadable() : error
  }
}

function unreadable(): OAuthError {
  return new OAuthError('invalid_client', 'The client_assertion must be a signed JWT whose sub is the client id.')
}

async function proveBy(
  method: AssertionMethod,
  context: RealmContext,
  client: Client,
  assertion: Assertion,
  guess: string,
): Promise<Proof> {
  const now = context.now()
  const audiences = audiencesOf(context)
  const { claims, credential } = await method.verify(context, client, assertion, {
    issuer: client.clientId,
    audience: [...audiences],
    typ: ['JWT', 'client-authentication+jwt', ''],
    now,
    clockTolerance: CLOCK_TOLERANCE,
  })
  const problem = problemOf(claims, client, audiences, now)
  if (problem !== undefined) return refused(context, guess, problem)
  // Only now: what anybody could have written must not use up the client's names.
  const name = `assertion ${hash('sha256', `${client.clientId}\n${claims.tokenId}`, 'base64url')}`
  const first = await context.store.replays.claim(context.realm.id, name, Math.ceil(claims.expiresAt) + REPLAY_MARGIN)
  return first
    ? { proven: true, credential }
    : refused(context, guess, 'it was used before: make one for each request, with a jti of its own')
}

/** What RFC 7523 section 3 asks for beyond the registered claims of any JWT. */
function problemOf(claims: RegisteredClaims, client: Client, audiences: ReadonlySet<string>, now: number): string | undefined {
  const { subject, audience, expiresAt, issuedAt, tokenId } = claims
  if (subject !== client.clientId) return 'its sub must be the client id'
  // One for several servers could be used by each of them at the others.
  if (!audience.every((one) => audiences.has(one))) return SAID.get('wrong_audience')
  if (!(expiresAt <= now + MAX_LIFETIME + CLOCK_TOLERANCE)) return 'its exp must be at most one hour ahead'
  if (issuedAt !== undefined && !(issuedAt >= now - MAX_LIFETIME - CLOCK_TOLERANCE)) return 'its iat is more than one hour ago'
  if (tokenId === undefined || tokenId === '' || tokenId.length > MAX_JTI_LENGTH)
    return `it must have a jti of 1 to ${MAX_JTI_LENGTH} characters`
  return undefined
}

/** What is said of an assertion whose signature is right: its maker alone can read it. The other codes are told like any wrong secret. */
const SAID: ReadonlyMap<JoseErrorCode, string> = new Map<JoseErrorCode, string>([
  ['wrong_issuer', 'its iss must be the client id'],
  ['wrong_audience', 'its aud must be {issuer} and nothing else'],
  ['wrong_type', 'its typ must be JWT or client-authentication+jwt'],
  ['expired', 'it has expired'],
  ['not_yet_valid', 'its nbf or iat is in the future: set the clock'],
  ['bad_claims', 'its claims must have iss, sub, aud, exp and jti, with times in seconds'],
])

function refused({ realm }: RealmContext, guess: string, problem: string | undefined): Proof {
  if (problem === undefined) return { proven: false, guess }
  const sentence = `Client authentication failed: the client_assertion is refused, since ${problem.replace('{issuer}', () => realm.issuer)}.`
  return { proven: false, guess, sentence }
}

function keysUnavailable(cause: JoseError): OAuthError {
  return new OAuthError('temporarily_unavailable', `This client's keys cannot be fetched now. Try again in ${RETRY_SECONDS} seconds.`, {
    retryAfter: RETRY_SECONDS,
    cause,
  })
}

const AUDIENCES = new WeakMap<RealmContext, ReadonlySet<string>>()

/** The issuer, as new profiles want it (FAPI 2.0 section 5.3.2.1), and the endpoints' own URLs, as older clients write it. */
function audiencesOf(context: RealmContext): ReadonlySet<string> {
  let known = AUDIENCES.get(context)
  if (!known) {
    const { realm, dialects } = context
    const endpoints = ['token', 'introspection', 'revocation', 'end_session'] as const
    known = new Set([realm.issuer, ...dialects.flatMap((dialect) => endpoints.flatMap((name) => endpointUrls(realm, dialect, name)))])
    AUDIENCES.set(context, known)
  }
  return known
}
