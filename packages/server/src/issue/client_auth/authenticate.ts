// Who is asking: exactly one method of client authentication, checked in the same time whether the client exists or not.
// RFC 6749 sections 2.3 and 5.2.
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import type { Client, ClientAuthMethod } from '../../model/client.ts'
import type { Caller, EndpointRequest, RealmContext } from '../context.ts'
import { clientAssertion } from './client_assertion.ts'
import { clientSecretBasic } from './client_secret_basic.ts'
import { clientSecretPost } from './client_secret_post.ts'
import type { Authenticated, ClientAuth, Presented, Proof } from './method.ts'
import { none } from './none.ts'

const CLIENT_AUTH_METHODS: readonly ClientAuth[] = [clientSecretBasic, clientSecretPost, clientAssertion, none]

/**
 * The client that the request proves to come from; the request's account is told of it.
 * @throws OAuthError invalid_client if it proves nothing (one sentence for every reason), invalid_request for two methods at once,
 * slow_down instead of invalid_client for who fails too often, temporarily_unavailable if the client's keys cannot be fetched.
 */
export async function authenticateClient(
  context: RealmContext,
  dialect: CompiledDialect,
  request: TokenRequest,
  { caller, account }: Pick<EndpointRequest, 'caller' | 'account'>,
): Promise<Authenticated> {
  const presented = presentedOnce(request)
  if (!presented) throw refused(context, request, 'Client authentication is missing.')
  const { clientId, method } = presented
  const realmId = context.realm.id
  const client = await context.directory.client(realmId, clientId)
  const allowed = client !== undefined && mayUse(client, dialect, method)
  const proof = await presented.prove(context, client, allowed)
  if (!proof.proven) throw failed(context, request, caller, { presented, client, proof })
  // A right secret by the wrong method is how some clients find out which one to use: no attempt that counts.
  if (!allowed) throw refused(context, request, ONE_SENTENCE)
  if (account) account.client = clientId
  if (proof.credential !== null) context.secretUses.note(realmId, clientId, proof.credential, caller.address, context.now())
  return { client, credential: proof.credential }
}

const ONE_SENTENCE = 'Client authentication failed: unknown client, or wrong credentials for it.'

function mayUse(client: Client, dialect: CompiledDialect, method: ClientAuthMethod): boolean {
  return client.enabled && client.authMethods.includes(method) && dialect.document.token_request.client_auth.includes(method)
}

function presentedOnce(request: TokenRequest): Presented | undefined {
  const { basic, parameters } = request
  const carriers = [basic !== undefined, parameters.has('client_secret'), parameters.has('client_assertion')]
  if (carriers.filter(Boolean).length > 1) {
    throw new OAuthError('invalid_request', 'Two methods of client authentication are used at once: use one.')
  }
  const presented = CLIENT_AUTH_METHODS.map((method) => method.present(request)).find((one) => one !== undefined)
  const named = parameters.get('client_id')
  if (presented && named !== undefined && named !== presented.clientId) {
    throw new OAuthError('invalid_request', "The parameter 'client_id' names another client than the credentials are for.")
  }
  return presented
}

interface Failure {
  readonly presented: Presented
  readonly client: Client | undefined
  readonly proof: Proof & { readonly proven: false }
}

function failed(context: RealmContext, request: TokenRequest, { address }: Caller, { presented, client, proof }: Failure): OAuthError {
  const { guess, sentence = ONE_SENTENCE } = proof
  if (guess !== null) {
    // Asked after the check: a right secret always passes, so that no stranger can lock its client out.
    const retryAfter = context.throttle.secretFailed(context.realm.id, presented.clientId, guess, address)
    if (retryAfter > 0) return slowDown(retryAfter)
    if (client) record(context, presented, client, proof, address)
  }
  return refused(context, request, sentence)
}

function slowDown(retryAfter: number): OAuthError {
  const seconds = `${retryAfter} ${retryAfter === 1 ? 'second' : 'seconds'}`
  return new OAuthError('slow_down', `Client authentication failed too often: wait ${seconds}, and check the client's credentials.`, {
    retryAfter,
  })
}

/** Behind the answer, which neither waits for it nor fails with it. Not for unknown clients: anybody can invent names. */
function record(context: RealmContext, { method }: Presented, { clientId }: Client, { sentence }: Failure['proof'], address: string): void {
  const detail = sentence === undefined ? { method } : { method, told: sentence }
  const { store, realm } = context
  store.audit
    .append({ at: context.now(), by: 'server', realmId: realm.id, event: 'client.refused', clientId, address, detail })
    .catch(() => undefined)
}

function refused(context: RealmContext, request: TokenRequest, description: string): OAuthError {
  // The challenge answers only those who tried Basic (RFC 6749 section 5.2): a browser would open its login box otherwise.
  const challenge = request.basic ? { challenge: writeChallenge('Basic', { realm: context.realm.id, charset: 'UTF-8' }) } : {}
  return new OAuthError('invalid_client', description, challenge)
}
