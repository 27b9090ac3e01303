// Access tokens: their claims by the dialect's profile, as a signed JWT or as an opaque reference. RFC 9068, RFC 7662.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { Json } from '@countersign/protocol/dialect/dialect'
import { writeScope } from '@countersign/protocol/oauth/scope'
import type { Grantable } from '../../model/authorization.ts'
import { secretHash } from '../../model/secret_hash.ts'
import type { RealmContext } from '../context.ts'

const OPAQUE_PREFIX = 'cs_token_'

export interface AccessToken {
  readonly text: string
  /** Seconds. */
  readonly lifetime: number
}

/** @param sid refresh family the token belongs to, so that it dies with it. */
export async function mintAccessToken(
  context: RealmContext,
  dialect: CompiledDialect,
  grantable: Grantable,
  sid: string | undefined,
): Promise<AccessToken> {
  const { client } = grantable.authorization
  const lifetime = client.accessTokenLifetime ?? context.realm.accessTokenLifetime
  const claims = claimsOf(context, dialect, grantable, lifetime, sid)
  const text = client.tokenFormat === 'jwt' ? await mintJwt(context, dialect, claims) : await mintOpaque(context, claims, lifetime)
  return { text, lifetime }
}

function claimsOf(
  context: RealmContext,
  dialect: CompiledDialect,
  { authorization, scope, audience }: Grantable,
  lifetime: number,
  sid: string | undefined,
): Record<string, Json> {
  const { client, subject } = authorization
  const now = context.now()
  const values = {
    iss: context.realm.issuer,
    sub: subject.kind === 'user' ? subject.user.id : client.clientId,
    aud: audience.length === 1 && audience[0] !== undefined ? audience[0] : audience,
    exp: now + lifetime,
    iat: now,
    nbf: now,
    jti: context.random.id(),
    client_id: client.clientId,
    ...(scope.length > 0 ? { scope: writeScope(scope) } : {}),
    ...(sid === undefined ? {} : { sid }),
    ...(subject.kind === 'user' ? { username: subject.user.username } : {}),
  }
  return dialect.claims.write(values, subject.kind)
}

async function mintJwt(context: RealmContext, dialect: CompiledDialect, claims: Record<string, Json>): Promise<string> {
  const held = context.keys.signer()
  const signer = held instanceof Promise ? await held : held
  const input = `${signer.header(dialect.claims.typ)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${input}.${await context.signing.sign(signer, input)}`
}

async function mintOpaque(context: RealmContext, claims: Record<string, Json>, lifetime: number): Promise<string> {
  const text = OPAQUE_PREFIX + context.random.secret()
  await context.store.accessTokens.insertOpaque({
    hash: secretHash(text),
    realmId: context.realm.id,
    claims,
    expiresAt: context.now() + lifetime,
  })
  return text
}
