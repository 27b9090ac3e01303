// UserInfo: the claims of the person a token stands for, as far as its scope reaches. OpenID Connect Core section 5.3.
// It takes an access token for any of the realm's APIs: the answer tells its bearer no more than the token's scope allows.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import { scopeOf } from '@countersign/protocol/oauth/claims'
import type { OAuthErrorCode } from '@countersign/protocol/oauth/error'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import type { Endpoint, RealmContext } from '../context.ts'
import { findAccessToken, isBound } from '../live_token.ts'
import { jsonResponse } from './json_response.ts'

export const userinfo: Endpoint = { methods: ['GET', 'POST'], query: false, answer: answerUserinfo }

/** Claims that each scope opens (OpenID Connect Core section 5.4). */
const CLAIMS_OF_SCOPE: ReadonlyMap<string, readonly string[]> = new Map([
  [
    'profile',
    [
      'name',
      'family_name',
      'given_name',
      'middle_name',
      'nickname',
      'profile',
      'picture',
      'website',
      'gender',
      'birthdate',
      'zoneinfo',
      'locale',
      'updated_at',
    ],
  ],
  ['email', ['email', 'email_verified']],
  ['address', ['address']],
  ['phone', ['phone_number', 'phone_number_verified']],
])

async function answerUserinfo(context: RealmContext, dialect: CompiledDialect, wire: WireRequest): Promise<WireResponse> {
  const presented = dialect.presentation.read(wire.headers)
  if (presented.problem !== undefined) throw refuse(context, 'invalid_request', presented.problem)
  if (presented.token === undefined) throw refuse(context, undefined, 'An access token is missing.')
  const token = await findAccessToken(context, presented.token)
  if (!token) throw refuse(context, 'invalid_token', 'The access token is unknown, expired or revoked.')
  if (isBound(token.claims)) throw refuse(context, 'invalid_token', 'The access token is bound to a key and is not taken here.')
  const subject = token.claims['sub']
  const user = typeof subject === 'string' ? await context.store.users.find(context.realm.id, subject) : undefined
  if (!user?.enabled) throw refuse(context, 'invalid_token', 'The access token does not stand for a person.')
  const scope = scopeOf(token.claims)
  const claims: Record<string, unknown> = { sub: user.id }
  if (scope.includes('profile')) claims['preferred_username'] = user.username
  for (const name of scope.flatMap((one) => CLAIMS_OF_SCOPE.get(one) ?? [])) {
    if (Object.hasOwn(user.claims, name)) claims[name] = user.claims[name]
  }
  return jsonResponse(claims)
}

/** RFC 6750 section 3.1: without credentials the challenge has no error code. */
function refuse(context: RealmContext, code: OAuthErrorCode | undefined, description: string): OAuthError {
  const challenge = writeChallenge('Bearer', { realm: context.realm.id, error: code, error_description: code && description })
  return new OAuthError(code ?? 'invalid_token', description, code === 'invalid_request' ? { challenge, status: 400 } : { challenge })
}
