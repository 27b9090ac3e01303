// grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer: a workload shows the token its own platform gave it (a CI's, a cluster's) and gets
// one of the client that stands for it here. Whose tokens count is said by realm and client. RFC 7523 sections 2.1 and 3.
import { JoseError } from '@countersign/protocol/jose/error'
import type { VerifiedJwt } from '@countersign/protocol/jose/jwt'
import { readJwt, verifyJwt } from '@countersign/protocol/jose/jwt'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { JWT_BEARER } from '@countersign/protocol/oauth/grant_type'
import type { Client, WorkloadRule } from '../../model/client.ts'
import type { TrustedIssuer } from '../../model/realm.ts'
import type { RealmContext } from '../context.ts'
import type { Grant } from './grant.ts'
import { required, rightsOf } from './grant.ts'

export const jwtBearer: Grant = {
  name: JWT_BEARER,
  async authorize(context, client, parameters) {
    if (client.workloads.length === 0)
      throw new OAuthError('unauthorized_client', 'No workload may act as this client: it has no rule that names one.')
    const workload = await verifyAssertion(context, client, required(parameters, 'assertion'))
    if (!client.workloads.some((rule) => fits(rule, workload)))
      throw new OAuthError('invalid_grant', 'The assertion is of a workload that may not act as this client: see its sub and claims.')
    // An assertion may come again: clusters hand a workload one token for its whole life, and RFC 7523 section 3 leaves the jti to us.
    return {
      ...rightsOf(client),
      subject: { kind: 'client' },
      refresh: 'none',
      provenance: { issuer: workload.issuer, workload: workload.subject ?? '' },
    }
  },
}

/** Seconds that an assertion may live from its `iat` on. */
const MAX_LIFETIME = 86_400
/** Seconds by which the platform's clock may differ from ours. */
const CLOCK_TOLERANCE = 10
/** Platforms send `JWT` or nothing; an `at+jwt` is meant for an API and proves nothing here (RFC 8725 section 3.11). */
const TYPES = ['JWT', '']
const RETRY_SECONDS = 5

async function verifyAssertion(context: RealmContext, client: Client, assertion: string): Promise<VerifiedJwt> {
  try {
    const trusted = trustedIssuer(context, client, readJwt(assertion).claims['iss'])
    return await verifyJwt(
      assertion,
      {
        issuer: trusted.issuer,
        audience: [trusted.audience ?? context.realm.issuer],
        typ: TYPES,
        now: context.now(),
        clockTolerance: CLOCK_TOLERANCE,
        maxLifetime: MAX_LIFETIME,
      },
      context.trustedKeys.at(trusted.jwksUri),
    )
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    throw error.code === 'key_unavailable' ? keysUnavailable(error) : refused(error)
  }
}

/** The issuer that the assertion claims to be from, if this client's workloads come from there: no other costs as much as a look at its keys. */
function trustedIssuer({ realm }: RealmContext, client: Client, claimed: unknown): TrustedIssuer {
  const trusted = realm.trustedIssuers.find((one) => one.issuer === claimed)
  if (!trusted || !client.workloads.some((rule) => rule.issuer === trusted.issuer))
    throw new OAuthError('invalid_grant', 'The assertion is from an issuer whose workloads may not act as this client: see its iss.')
  return trusted
}

function fits(rule: WorkloadRule, { issuer, subject, claims }: VerifiedJwt): boolean {
  if (rule.issuer !== issuer || subject === undefined || !fitsSubject(rule.subject, subject)) return false
  return Object.entries(rule.claims).every(([name, value]) => Object.hasOwn(claims, name) && claims[name] === value)
}

function fitsSubject(pattern: string, subject: string): boolean {
  return pattern.endsWith('*') ? subject.startsWith(pattern.slice(0, -1)) : subject === pattern
}

function refused({ message, code }: JoseError): OAuthError {
  const reason = `${message.charAt(0).toLowerCase()}${message.slice(1)}`
  const mend = code === 'expired' ? ' Get a new one from your platform.' : ''
  return new OAuthError('invalid_grant', `The assertion is not accepted: ${reason}${mend}`)
}

function keysUnavailable(cause: JoseError): OAuthError {
  const sentence = `The keys of the assertion's issuer cannot be fetched now. Try again in ${RETRY_SECONDS} seconds.`
  return new OAuthError('temporarily_unavailable', sentence, { retryAfter: RETRY_SECONDS, cause })
}
