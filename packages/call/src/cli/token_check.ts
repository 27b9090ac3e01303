// Every check of a JWT on its own, so that one can say all that is wrong with it and not only the first. Whether it is accepted is
// decided elsewhere, by protocol's verifyJwt. RFC 7519 section 4.1, RFC 9068 section 4, RFC 8725.
import { algorithmOf } from '@countersign/protocol/jose/algorithm'
import { JoseError } from '@countersign/protocol/jose/error'
import type { UnverifiedJwt } from '@countersign/protocol/jose/jwt'
import { readJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { duration } from './time_words.ts'

export interface TokenCheck {
  readonly what: 'signature' | 'issuer' | 'audience' | 'type' | 'expiry' | 'not before'
  /** undefined: nothing to compare with. */
  readonly good: boolean | undefined
  /** One sentence; may hold values of the token. */
  readonly says: string
}

export interface TokenExpectations {
  readonly issuer: string | undefined
  readonly audience: string | undefined
  readonly keys: KeySource | undefined
  /** Epoch seconds. */
  readonly now: number
}

export async function verifyToken(jwt: UnverifiedJwt, expected: TokenExpectations): Promise<readonly TokenCheck[]> {
  return [
    await signature(jwt, expected.keys),
    issuer(jwt, expected),
    audience(jwt, expected),
    type(jwt),
    expiry(jwt, expected),
    notBefore(jwt, expected),
  ]
}

/** undefined for what is no JWT. */
export function readableJwt(text: string): UnverifiedJwt | undefined {
  try {
    return readJwt(text)
  } catch (error) {
    if (error instanceof JoseError) return undefined
    throw error
  }
}

const check = (what: TokenCheck['what'], good: boolean | undefined, says: string): TokenCheck => ({ what, good, says })

async function signature({ header, signingInput, signature: bytes }: UnverifiedJwt, keys: KeySource | undefined): Promise<TokenCheck> {
  if (!keys) return check('signature', undefined, 'The signature was not checked: there are no keys to check it with.')
  const algorithm = algorithmOf(header.alg)
  if (!algorithm) return check('signature', false, `It is signed with ${header.alg.slice(0, 40)}, which nobody should accept.`)
  try {
    const verifier = await keys.find(header.kid, algorithm.name)
    if (!verifier) return check('signature', false, 'The issuer publishes no key of that key id and algorithm.')
    if (verifier.algorithm.name !== algorithm.name) return check('signature', false, `The issuer's key is not for ${algorithm.name}.`)
    const good = verifier.verify(signingInput, bytes)
    return check(
      'signature',
      good,
      good ? 'The signature is by one of these keys.' : 'The signature does not belong to it: it was changed, or another signed it.',
    )
  } catch (error) {
    if (error instanceof JoseError) return check('signature', false, `The signature cannot be checked: ${error.message}`)
    throw error
  }
}

function issuer({ claims }: UnverifiedJwt, { issuer: expected }: TokenExpectations): TokenCheck {
  const { iss } = claims
  if (expected === undefined) return check('issuer', undefined, 'The issuer was not compared.')
  if (iss === expected) return check('issuer', true, 'It is from the expected issuer.')
  const slash =
    typeof iss === 'string' && iss.replace(/\/$/, '') === expected.replace(/\/$/, '') ? ' (only the slash at the end differs)' : ''
  return check('issuer', false, `It is from another issuer: ${typeof iss === 'string' ? iss : 'none is named'}, not ${expected}${slash}.`)
}

function audience({ claims }: UnverifiedJwt, { audience: expected }: TokenExpectations): TokenCheck {
  const list = audiencesOf(claims['aud'])
  if (expected === undefined) return check('audience', undefined, 'The audience was not compared.')
  if (list.includes(expected)) return check('audience', true, 'It is for the expected audience.')
  return check('audience', false, `It is for another audience: ${list.length === 0 ? 'none is named' : list.join(', ')}, not ${expected}.`)
}

function type({ header: { typ = '' }, claims }: UnverifiedJwt): TokenCheck {
  const name = typ.toLowerCase().replace(/^application\//, '')
  const inner = claims['typ']
  if (name === 'at+jwt') return check('type', true, 'It is an access token (at+jwt).')
  if (name === 'jwt' && inner === 'Bearer')
    return check('type', true, 'It is an access token of the Keycloak family (JWT with typ Bearer).')
  if (inner === 'ID' || Object.hasOwn(claims, 'at_hash') || Object.hasOwn(claims, 'nonce')) {
    return check('type', false, 'It is an ID token: it tells a client who signed in, and opens no API.')
  }
  if (['jwt', ''].includes(name)) return check('type', undefined, `Its type is ${typ === '' ? 'not said' : typ}; strict APIs want at+jwt.`)
  return check('type', false, `Its type is ${typ.slice(0, 40)}, which is no access token's.`)
}

function expiry({ claims }: UnverifiedJwt, { now }: TokenExpectations): TokenCheck {
  const { exp } = claims
  if (typeof exp !== 'number') return check('expiry', false, 'It does not say when it ends (exp), so that no API should take it.')
  const left = Math.round(exp - now)
  if (exp <= now) return check('expiry', false, `It expired ${duration(-left)} ago.`)
  return check('expiry', true, `It has not expired; it ends in ${duration(left)}.`)
}

function notBefore({ claims }: UnverifiedJwt, { now }: TokenExpectations): TokenCheck {
  const starts = [claims['nbf'], claims['iat']].filter((at): at is number => typeof at === 'number')
  const ahead = Math.round(Math.max(...starts, now) - now)
  if (ahead > 0) return check('not before', false, `It is valid only in ${duration(ahead)}: the issuer's clock, or this one, is wrong.`)
  return check('not before', true, 'It is valid by now.')
}

function audiencesOf(aud: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  return list.filter((one): one is string => typeof one === 'string')
}
