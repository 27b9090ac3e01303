// From what is granted to the token set that leaves: everything that must be remembered is durable first.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { Grantable } from '../../model/authorization.ts'
import type { RealmContext } from '../context.ts'
import { mintAccessToken } from './access_token.ts'
import { nextRefreshToken } from './refresh_token.ts'

export async function mint(context: RealmContext, dialect: CompiledDialect, grantable: Grantable): Promise<TokenSet> {
  const refresh = nextRefreshToken(context, grantable, dialect.name)
  // Side by side, so that both share a turn; if the refresh token loses a race, the access token never leaves.
  const [access] = await Promise.all([mintAccessToken(context, dialect, grantable, refresh?.family.id), refresh?.store()])
  return {
    accessToken: access.text,
    tokenType: 'Bearer',
    expiresIn: access.lifetime,
    ...(grantable.scope.length > 0 ? { scope: grantable.scope } : {}),
    ...(refresh ? { refreshToken: refresh.text, refreshExpiresIn: context.realm.refreshTokenLifetime } : {}),
  }
}
