// grant_type=urn:ietf:params:oauth:grant-type:token-exchange: a user's token becomes a narrower one of the client that acts for the user.
// What may be exchanged for what is said by the client's rules; nobody exchanges who has not proven who he is. RFC 8693.
import { scopeOf } from '@countersign/protocol/oauth/claims'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import { ACCESS_TOKEN_TYPE, JWT_TYPE } from '@countersign/protocol/oauth/token_response'
import type { Client, ExchangeRule } from '../../model/client.ts'
import type { User } from '../../model/user.ts'
import type { RealmContext } from '../context.ts'
import { findAccessToken, isBound } from '../live_token.ts'
import { askedAudiences } from '../narrow.ts'
import type { Grant } from './grant.ts'
import { required } from './grant.ts'

export const tokenExchange: Grant = {
  name: TOKEN_EXCHANGE,
  async authorize(context, client, parameters) {
    // A public client proves nothing: with it every stolen token would become a renewable one (RFC 8693 section 5).
    if (client.authMethods.includes('none') || client.exchanges.length === 0)
      throw new OAuthError('unauthorized_client', 'This client may not exchange tokens: it has no rule that says for what.')
    checkRequestedType(client, parameters)
    const subject = await readSubject(context, client, parameters)
    const actor = await readActor(context, client, parameters)
    const asked = askedAudiences(parameters)
    const rule = chooseRule(client, subject.clientId, actor, asked)
    const scope = subject.scope.filter((name) => rule.scopes.includes(name))
    return {
      client,
      subject: { kind: 'user', user: subject.user },
      scope,
      defaultScope: scope,
      audiences: rule.audiences,
      defaultAudiences: asked.length > 0 ? [] : defaultAudiences(client, rule),
      refresh: 'none',
      exchange: { act: actOf(client, subject.act), expiresAt: subject.expiresAt, sid: subject.sid },
      provenance: { subject_client: subject.clientId, ...(subject.jti !== undefined && { subject_jti: subject.jti }) },
    }
  },
}

/** The most actors in one chain, this client among them: a token grows with each. */
const MOST_ACTORS = 4

type Claims = Readonly<Record<string, unknown>>

interface ExchangeableToken {
  readonly clientId: string
  readonly claims: Claims
}

/** What the subject's token says, as far as it counts here. */
interface Subject {
  readonly user: User
  /** The client that the token was issued to. */
  readonly clientId: string
  readonly scope: readonly string[]
  /** Epoch seconds. */
  readonly expiresAt: number
  readonly sid: string | undefined
  readonly jti: string | undefined
  readonly act: unknown
}

/** Who acts, and with what rights. */
interface Actor {
  /** A token of its own came; otherwise the client's authentication alone speaks for it. */
  readonly byToken: boolean
  readonly scope: readonly string[]
}

function checkRequestedType(client: Client, parameters: Parameters): void {
  const requested = parameters.get('requested_token_type')
  if (requested === undefined || requested === ACCESS_TOKEN_TYPE || (requested === JWT_TYPE && client.tokenFormat === 'jwt')) return
  throw new OAuthError('invalid_request', `The requested_token_type must be left out or be ${ACCESS_TOKEN_TYPE}.`)
}

async function readSubject(context: RealmContext, client: Client, parameters: Parameters): Promise<Subject> {
  const token = await readToken(context, parameters, 'subject_token')
  const { clientId, claims } = token
  const { sub, exp, sid, act, may_act: mayAct } = claims
  const jti = typeof claims['jti'] === 'string' ? claims['jti'] : undefined
  const user =
    typeof sub === 'string' && !isServiceToken(context, token) ? await context.store.users.find(context.realm.id, sub) : undefined
  if (!user?.enabled) throw new OAuthError('invalid_request', 'The subject_token does not stand for a user who may sign in.')
  if (mayAct !== undefined && !names(mayAct, client, context.realm.issuer))
    throw new OAuthError('invalid_request', 'The subject_token names another party that may act for its user (may_act).')
  if (typeof exp !== 'number') throw new Error('an access token of this realm has no exp')
  return { user, clientId, scope: scopeOf(claims), expiresAt: Math.floor(exp), sid: typeof sid === 'string' ? sid : jti, jti, act }
}

async function readActor(context: RealmContext, client: Client, parameters: Parameters): Promise<Actor> {
  if (!parameters.has('actor_token')) {
    if (parameters.has('actor_token_type'))
      throw new OAuthError('invalid_request', "The parameter 'actor_token' is missing: actor_token_type comes only with it.")
    return { byToken: false, scope: client.scopes }
  }
  const token = await readToken(context, parameters, 'actor_token')
  if (token.clientId !== client.clientId || !isServiceToken(context, token))
    throw new OAuthError('invalid_request', 'The actor_token must be a token that this client got in its own name by client_credentials.')
  // What was taken from the client since counts no more.
  return { byToken: true, scope: scopeOf(token.claims).filter((name) => client.scopes.includes(name)) }
}

/** @throws OAuthError invalid_request for a token that is unacceptable for any reason (RFC 8693 section 2.2.2) */
async function readToken(context: RealmContext, parameters: Parameters, name: 'subject_token' | 'actor_token'): Promise<ExchangeableToken> {
  const text = required(parameters, name)
  const type = required(parameters, `${name}_type`)
  if (type !== ACCESS_TOKEN_TYPE && type !== JWT_TYPE)
    throw new OAuthError('invalid_request', `The ${name}_type must be ${ACCESS_TOKEN_TYPE}: no other kind of token can be exchanged here.`)
  const live = type === JWT_TYPE && !text.includes('.') ? undefined : await findAccessToken(context, text)
  const holder = live && (await context.directory.client(context.realm.id, live.clientId))
  if (!live || !holder?.enabled)
    throw new OAuthError('invalid_request', `The ${name} is no access token of this realm, or it is expired or revoked: get a new one.`)
  // Exchanged, a bound token would lose its lock: the new one is bound to the key of whoever asks, or to none.
  if (isBound(live.claims))
    throw new OAuthError('invalid_request', `The ${name} is bound to a DPoP key: only a bearer token can be exchanged.`)
  return live
}

/** Whether a token speaks for a client itself: its subject is what the realm's dialects write for that client, or may pass for it. */
function isServiceToken({ dialects }: RealmContext, { clientId, claims }: ExchangeableToken): boolean {
  return dialects.some((dialect) => dialect.claims.write({ sub: clientId, client_id: clientId }, 'client')['sub'] === claims['sub'])
}

/** Whether a `may_act` (RFC 8693 section 4.4) names this client, at this realm if at all. */
function names(mayAct: unknown, client: Client, issuer: string): boolean {
  if (!isObject(mayAct)) return false
  return mayAct['sub'] === client.clientId && (mayAct['iss'] === undefined || mayAct['iss'] === issuer)
}

/** The first rule that fits decides. */
function chooseRule(client: Client, subjectClient: string, actor: Actor, asked: readonly string[]): ExchangeRule {
  const bySubject = client.exchanges.filter((one) => one.subjectClients.length === 0 || one.subjectClients.includes(subjectClient))
  if (bySubject.length === 0)
    throw new OAuthError('invalid_request', 'The subject_token was issued to a client whose tokens this client may not exchange.')
  const byActor = bySubject.filter((one) => one.actorScope === null || actor.scope.includes(one.actorScope))
  if (byActor.length === 0) throw missingScope(bySubject, actor)
  const rule = byActor.find((one) => asked.every((audience) => one.audiences.includes(audience)))
  if (!rule)
    throw new OAuthError('invalid_target', 'The audience or resource is unknown here, or this client may not exchange tokens for it.')
  return rule
}

function missingScope(rules: readonly ExchangeRule[], { byToken }: Actor): OAuthError {
  const wanted = [...new Set(rules.map((rule) => rule.actorScope))].join(' or ')
  if (byToken) return new OAuthError('invalid_request', `The actor_token does not have the scope ${wanted} that this exchange needs.`)
  return new OAuthError('unauthorized_client', `This client does not have the scope ${wanted} that this exchange needs.`)
}

/** Empty: the realm has none, and its tokens are for itself. */
function defaultAudiences({ defaultAudience }: Client, { audiences }: ExchangeRule): readonly string[] {
  if (defaultAudience !== null && audiences.includes(defaultAudience)) return [defaultAudience]
  if (audiences.length <= 1) return audiences
  throw new OAuthError('invalid_target', `The parameter 'audience' is missing: name the API, for instance ${audiences[0]}`)
}

/** The new `act`: this client, and inside it who acted before (RFC 8693 section 4.1). Told, never used for a decision. */
function actOf({ clientId }: Client, before: unknown): Record<string, unknown> {
  if (before === undefined) return { sub: clientId }
  if (actorsIn(before) >= MOST_ACTORS)
    throw new OAuthError('invalid_request', `The act of the subject_token names ${MOST_ACTORS} actors already: exchange an earlier token.`)
  return { sub: clientId, act: before }
}

/** How many actors a chain holds; Infinity for what is none. */
function actorsIn(act: unknown): number {
  if (!isObject(act)) return Number.POSITIVE_INFINITY
  return 1 + (act['act'] === undefined ? 0 : actorsIn(act['act']))
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
