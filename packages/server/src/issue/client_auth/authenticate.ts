// Who is asking: exactly one method of client authentication, checked in the same time whether the client exists or not.
// RFC 6749 sections 2.3 and 5.2.
import { hash, timingSafeEqual } from 'node:crypto'
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import type { Client } from '../../model/client.ts'
import type { RealmContext } from '../context.ts'
import { clientSecretBasic } from './client_secret_basic.ts'
import { clientSecretPost } from './client_secret_post.ts'
import type { ClientAuth, ClientCredentials } from './method.ts'
import { none } from './none.ts'

const CLIENT_AUTH_METHODS: readonly ClientAuth[] = [clientSecretBasic, clientSecretPost, none]

/**
 * The client that the request proves to come from.
 * @throws OAuthError invalid_client if it proves nothing (one sentence for every reason), invalid_request for two methods at once.
 */
export async function authenticateClient(context: RealmContext, dialect: CompiledDialect, request: TokenRequest): Promise<Client> {
  const credentials = presentedOnce(request)
  if (!credentials) throw refused(context, request, 'Client authentication is missing.')
  const client = await context.directory.client(context.realm.id, credentials.clientId)
  const proven = proves(client, credentials, context.now())
  const allowed =
    client?.enabled &&
    client.authMethods.includes(credentials.method) &&
    dialect.document.token_request.client_auth.includes(credentials.method)
  if (!client || !allowed || !proven)
    throw refused(context, request, 'Client authentication failed: unknown client, or wrong credentials for it.')
  return client
}

function presentedOnce(request: TokenRequest): ClientCredentials | undefined {
  const presented = CLIENT_AUTH_METHODS.map((method) => method.present(request)).filter((one) => one !== undefined)
  const [credentials] = presented
  if (presented.length > 1 || (request.basic && request.parameters.has('client_secret'))) {
    throw new OAuthError('invalid_request', 'Two methods of client authentication are used at once: use one.')
  }
  const named = request.parameters.get('client_id')
  if (credentials && named !== undefined && named !== credentials.clientId) {
    throw new OAuthError('invalid_request', "The parameter 'client_id' names another client than the Authorization header.")
  }
  return credentials
}

const DIGESTS = new WeakMap<Client, readonly { readonly digest: Buffer; readonly expiresAt: number | null }[]>()
const NOBODY = [{ digest: Buffer.alloc(32), expiresAt: null }]

function proves(client: Client | undefined, { secret }: ClientCredentials, now: number): boolean {
  if (secret === undefined) return true
  const digest = hash('sha256', secret, 'buffer')
  let proven = false
  for (const live of client ? digestsOf(client) : NOBODY) {
    if (timingSafeEqual(digest, live.digest) && (live.expiresAt === null || now < live.expiresAt)) proven = true
  }
  return proven
}

function digestsOf(client: Client): readonly { readonly digest: Buffer; readonly expiresAt: number | null }[] {
  let digests = DIGESTS.get(client)
  if (!digests) {
    digests = client.secrets.map((secret) => ({ digest: digestOf(secret.hash), expiresAt: secret.expiresAt }))
    DIGESTS.set(client, digests)
  }
  return digests
}

function digestOf(stored: string): Buffer {
  const digest = Buffer.from(stored.slice('sha256:'.length), 'base64url')
  if (!stored.startsWith('sha256:') || digest.length !== 32) throw new Error('a stored client secret is not a SHA-256 hash')
  return digest
}

function refused(context: RealmContext, request: TokenRequest, description: string): OAuthError {
  // The challenge answers only those who tried Basic (RFC 6749 section 5.2): a browser would open its login box otherwise.
  const challenge = request.basic ? { challenge: writeChallenge('Basic', { realm: context.realm.id, charset: 'UTF-8' }) } : {}
  return new OAuthError('invalid_client', description, challenge)
}
