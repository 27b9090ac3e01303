// What a grant is: the difference between token requests. It cannot forget authentication or write an answer: those are shared.

import { OAuthError } from '@countersign/protocol/oauth/error'
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import type { Authorization } from '../../model/authorization.ts'
import type { Client } from '../../model/client.ts'
import type { Caller, RealmContext } from '../context.ts'

export interface Grant {
  readonly name: GrantType
  /** @throws OAuthError invalid_grant and its like. The client is authenticated, and allowed to use this grant. */
  readonly authorize: (context: RealmContext, client: Client, parameters: Parameters, caller: Caller) => Promise<Authorization>
}

/** @throws OAuthError invalid_request */
export function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name)
  if (value === undefined) throw new OAuthError('invalid_request', `The parameter '${name}' is missing.`)
  return value
}

/** What a client may have in its own right. */
export function rightsOf(client: Client): Pick<Authorization, 'client' | 'scope' | 'defaultScope' | 'audiences' | 'defaultAudiences'> {
  return {
    client,
    scope: client.scopes,
    defaultScope: client.defaultScopes,
    audiences: client.audiences,
    defaultAudiences: client.defaultAudience === null ? [] : [client.defaultAudience],
  }
}
