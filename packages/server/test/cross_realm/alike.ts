// A running server with the realms that are alike, and of each realm everything that opens anything.
import assert from 'node:assert/strict'
import { SignJWT } from 'jose'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { TYPE as ASSERTION } from '../issue/assertions.ts'
import { ACCESS_TOKEN, GRANT as EXCHANGE } from '../issue/brokers.ts'
import type { Alike } from './realms_alike.ts'
import { configureAlike, KID, passwordIn, secretIn, TOKEN_PATHS, USERNAME } from './realms_alike.ts'

export interface Tokens {
  readonly access: string
  /** '' where there is none. */
  readonly refresh: string
}

/** One realm: where its endpoints are, and what was issued there. */
export interface Realm {
  readonly id: Alike
  readonly issuer: string
  readonly places: Readonly<Record<'token' | 'introspect' | 'revoke' | 'userinfo', string>>
  readonly signingKey: CryptoKey
  /** A client's own JWT. */
  readonly service: Tokens
  /** A user's JWT with a refresh token of a public client. */
  readonly person: Tokens
  /** The same with an opaque token, of the client `till`. */
  readonly opaque: Tokens
  /** The JWT of `broker` in its own name. */
  readonly actor: Tokens
  /** What `broker` got in exchange for the person's. */
  readonly exchanged: Tokens
}

export interface AlikeServer extends TestServer {
  readonly realms: readonly Realm[]
}

export async function startAlike(): Promise<AlikeServer> {
  const upstream = await startEcho()
  const { input, env, signingKeys } = await configureAlike(upstream.origin)
  const server = await startConfigured(input, { ...env }).catch(async (error: unknown) => {
    await upstream.close()
    throw error
  })
  const close = async (): Promise<void> => {
    await server.close()
    await upstream.close()
  }
  try {
    const realms: Realm[] = []
    for (const [id, signingKey] of signingKeys) realms.push(await fill(server.origin, id, signingKey))
    return { ...server, realms, close }
  } catch (error) {
    await close()
    throw error
  }
}

let asked = 0

/** An address that nobody has come from before: whoever fails too often at one is told to wait, which would hide the refusal. */
export function elsewhere(): Record<string, string> {
  asked += 1
  return { 'x-forwarded-for': `10.${(asked >> 16) & 255}.${(asked >> 8) & 255}.${asked & 255}` }
}

/** The two parameters of a client assertion by this realm's key of `signer`, or its secret of `hmac`. */
export async function assertion(by: Realm, clientId: 'signer' | 'hmac', audience: string): Promise<Record<string, string>> {
  asked += 1
  const claims = { iss: clientId, sub: clientId, aud: audience, jti: `assertion-${asked}` }
  const unsigned = new SignJWT(claims).setIssuedAt().setExpirationTime('60s')
  const header = clientId === 'signer' ? { alg: 'ES256', kid: KID } : { alg: 'HS256' }
  const key = clientId === 'signer' ? by.signingKey : Buffer.from(secretIn(by.id, 'hmac'))
  return { client_assertion_type: ASSERTION, client_assertion: await unsigned.setProtectedHeader({ ...header, typ: 'JWT' }).sign(key) }
}

export function exchange(at: Realm, subject: string, more: Record<string, string> = {}): Promise<Answer> {
  const parameters = { grant_type: EXCHANGE, subject_token: subject, subject_token_type: ACCESS_TOKEN, ...more }
  return postForm(at.places.token, parameters, { ...basic('broker', secretIn(at.id, 'broker')), ...elsewhere() })
}

/** Gets a realm of a running server all that it issues. */
export async function fill(origin: string, id: Alike, signingKey: CryptoKey): Promise<Realm> {
  const token = origin + TOKEN_PATHS[id]
  const { issuer } = (await send(`${origin}/realms/${id}/guard`)).json
  const base = token.slice(0, -'/token'.length)
  const introspect = id === 'keycloak' ? `${token}/introspect` : `${base}/introspect`
  const userinfo = id === 'auth0' ? `${origin}/realms/auth0/userinfo` : `${base}/userinfo`
  const person = { grant_type: 'password', username: USERNAME, password: passwordIn(id) }
  const realm = { id, issuer: String(issuer), signingKey, places: { token, introspect, userinfo, revoke: `${base}/revoke` } }
  const filled = {
    ...realm,
    service: tokensOf(await postForm(token, { grant_type: 'client_credentials' }, basic('desk', secretIn(id, 'desk')))),
    actor: tokensOf(await postForm(token, { grant_type: 'client_credentials' }, basic('broker', secretIn(id, 'broker')))),
    person: tokensOf(await postForm(token, { ...person, client_id: 'phone' })),
    opaque: tokensOf(await postForm(token, person, basic('till', secretIn(id, 'till')))),
  }
  return { ...filled, exchanged: tokensOf(await exchange({ ...filled, exchanged: filled.person }, filled.person.access)) }
}

export function tokensOf({ status, json, text }: Answer): Tokens {
  assert.equal(status, 200, text)
  return { access: String(json['access_token']), refresh: typeof json['refresh_token'] === 'string' ? json['refresh_token'] : '' }
}
