// The grants this server knows, by their name on the wire. One new grant: one file and one line here.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import { clientCredentials } from './client_credentials.ts'
import type { Grant } from './grant.ts'
import { jwtBearer } from './jwt_bearer.ts'
import { password } from './password.ts'
import { refreshToken } from './refresh_token.ts'
import { tokenExchange } from './token_exchange.ts'

export const GRANTS: ReadonlyMap<string, Grant> = new Map<GrantType, Grant>(
  [clientCredentials, password, refreshToken, tokenExchange, jwtBearer].map((grant) => [grant.name, grant]),
)
