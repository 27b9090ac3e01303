// Access tokens: their claims by the dialect's profile, as a signed JWT or as an opaque reference. RFC 9068, RFC 7662.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { Json } from '@countersign/protocol/dialect/dialect'
import { writeScope } from '@countersign/protocol/oauth/scope'
import { secretHash } from '../../model/secret_hash.ts'
import type { AccessTokenDraft, OpaqueToken } from '../../model/token.ts'
import { writeTokenId } from '../../model/token.ts'
import type { RealmContext } from '../context.ts'
import type { Order } from '../reuse.ts'

const OPAQUE_PREFIX = 'cs_token_'

/** @param sid refresh family the token belongs to, so that it dies with it. */
export function draftAccessToken(
  context: RealmContext,
  dialect: CompiledDialect,
  { grantable, credential }: Order,
  sid: string | undefined,
): AccessTokenDraft {
  const { authorization, scope, audience, binding } = grantable
  const { client, subject, exchange } = authorization
  const now = context.now()
  const ends = now + (client.accessTokenLifetime ?? context.realm.accessTokenLifetime)
  const expiresAt = exchange ? Math.min(ends, exchange.expiresAt) : ends
  const jti = writeTokenId(credential, context.random.id(), client.generation ?? 0)
  const family = sid ?? exchange?.sid
  const values = {
    iss: context.realm.issuer,
    sub: subject.kind === 'user' ? subject.user.id : client.clientId,
    aud: audience.length === 1 && audience[0] !== undefined ? audience[0] : audience,
    exp: expiresAt,
    iat: now,
    nbf: now,
    jti,
    client_id: client.clientId,
    ...(scope.length > 0 ? { scope: writeScope(scope) } : {}),
    ...(family === undefined ? {} : { sid: family }),
    ...(subject.kind === 'user' ? { username: subject.user.username } : {}),
  }
  const claims: Record<string, unknown> = dialect.claims.write(values satisfies Record<string, Json>, subject.kind)
  // The standards' words, whatever the family: RFC 8693 section 4.1, RFC 9449 section 6.
  if (exchange) claims['act'] = exchange.act
  if (binding !== null) claims['cnf'] = { jkt: binding }
  const opaque = client.tokenFormat === 'opaque' ? OPAQUE_PREFIX + context.random.secret() : undefined
  return { jti, claims, issuedAt: now, expiresAt, opaque }
}

/** What is stored of an opaque token; null for a JWT. */
export function opaqueToken({ realm }: RealmContext, { opaque, claims, expiresAt }: AccessTokenDraft): OpaqueToken | null {
  return opaque === undefined ? null : { hash: secretHash(opaque), realmId: realm.id, claims, expiresAt }
}

export async function signAccessToken(context: RealmContext, dialect: CompiledDialect, { claims }: AccessTokenDraft): Promise<string> {
  const held = context.keys.signer()
  const signer = held instanceof Promise ? await held : held
  const input = `${signer.header(dialect.claims.typ)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${input}.${await context.signing.sign(signer, input)}`
}
