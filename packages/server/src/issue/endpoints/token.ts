// The token endpoint: read, authenticate, choose, authorize, narrow, charge, mint, write. RFC 6749 section 3.2.
import type { TokenRequest } from '@countersign/protocol/dialect/codec/token_request'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { Client } from '../../model/client.ts'
import type { Realm } from '../../model/realm.ts'
import { authenticateClient } from '../client_auth/authenticate.ts'
import type { Authenticated } from '../client_auth/method.ts'
import type { Endpoint, EndpointRequest, RealmContext } from '../context.ts'
import { proofBinding } from '../dpop.ts'
import type { Grant } from '../grants/grant.ts'
import { required } from '../grants/grant.ts'
import { GRANTS } from '../grants/grants.ts'
import type { Limits } from '../limits.ts'
import { limitsOf } from '../limits.ts'
import { mint } from '../mint/mint.ts'
import { narrow } from '../narrow.ts'

export const token: Endpoint = { methods: ['POST'], query: false, answer: answerToken }

async function answerToken(context: RealmContext, dialect: CompiledDialect, wire: EndpointRequest): Promise<WireResponse> {
  const request = dialect.tokenRequest.read(wire)
  const proven = await authenticateClient(context, dialect, request, wire)
  wire.account?.step?.('authenticated')
  const limits = limitsOf(context, proven.client)
  try {
    const response = dialect.tokenResponse.write(await grantToken(context, dialect, { wire, request, proven, limits }))
    const left = limits.headers()
    return { ...response, headers: { ...response.headers, ...(left instanceof Promise ? await left : left) } }
  } catch (error) {
    throw error instanceof OAuthError ? withHeaders(error, await limits.headers()) : error
  }
}

/** A token request whose client is proven. */
interface Asked {
  readonly wire: EndpointRequest
  readonly request: TokenRequest
  readonly proven: Authenticated
  readonly limits: Limits
}

async function grantToken(context: RealmContext, dialect: CompiledDialect, { wire, request, proven, limits }: Asked): Promise<TokenSet> {
  const { client, credential } = proven
  limits.hear()
  const grant = chooseGrant(context.realm, client, request.parameters)
  if (wire.account) wire.account.grant = grant.name
  const binding = await bindingOf(context, client, wire)
  const authorization = await grant.authorize(context, client, request.parameters, wire.caller)
  wire.account?.step?.('authorized')
  const grantable = narrow(context.realm, authorization, request.parameters, binding)
  const tokens = await mint(context, dialect, { grantable, grant: grant.name, credential, caller: wire.caller, limits })
  wire.account?.step?.('minted')
  return tokens
}

function chooseGrant(realm: Realm, client: Client, parameters: Parameters): Grant {
  const grant = GRANTS.get(required(parameters, 'grant_type'))
  if (!grant || !realm.grants.includes(grant.name)) {
    throw new OAuthError('unsupported_grant_type', `The grant_type must be one of ${realm.grants.join(', ')}.`)
  }
  if (!client.grants.includes(grant.name))
    throw new OAuthError('unauthorized_client', `This client may not use the grant_type ${grant.name}.`)
  return grant
}

/** Thumbprint of the key that the token will be bound to; null for a bearer token. */
async function bindingOf(context: RealmContext, client: Client, wire: EndpointRequest): Promise<string | null> {
  const binding = await proofBinding(context, wire)
  if (binding === null && client.dpop === 'required')
    throw new OAuthError('invalid_request', 'This client gets tokens only with a proof of its key: send the header field DPoP (RFC 9449).')
  return binding
}

function withHeaders(error: OAuthError, headers: Readonly<Record<string, string>>): OAuthError {
  const { code, description, status, retryAfter, challenge, cause } = error
  return new OAuthError(code, description, {
    status,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(challenge !== undefined && { challenge }),
    headers: { ...error.headers, ...headers },
    ...(cause !== undefined && { cause }),
  })
}
