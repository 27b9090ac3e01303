// grant_type=refresh_token: the family goes on with what it was given, or dies by a replay. RFC 6749 section 6, RFC 9700 section 4.14.
// Only looks: the token is used up when its successor is stored, in mint/refresh_token.ts.
import { secretHash } from '../../model/secret_hash.ts'
import { killFamily, refusedRefreshToken } from '../mint/refresh_token.ts'
import type { Grant } from './grant.ts'
import { required, rightsOf } from './grant.ts'

export const refreshToken: Grant = {
  name: 'refresh_token',
  async authorize(context, client, parameters, caller) {
    const hash = secretHash(required(parameters, 'refresh_token'))
    const found = await context.store.refreshTokens.find(context.realm.id, hash)
    if (!found || found.family.clientId !== client.clientId || found.revokedAt !== null) throw refusedRefreshToken()
    if (found.usedAt !== null) {
      await killFamily(context, found.family, caller, 'token.replayed')
      throw refusedRefreshToken()
    }
    const user = await context.store.users.find(context.realm.id, found.family.subject)
    if (!user?.enabled || found.token.expiresAt <= context.now()) throw refusedRefreshToken()
    const rights = rightsOf(client)
    // Never wider than at the first grant, and never wider than the client's rights of today.
    const scope = found.family.scope.filter((name) => rights.scope.includes(name))
    const audiences = found.family.audience.filter((name) => rights.audiences.includes(name) || name === context.realm.issuer)
    return { client, subject: { kind: 'user', user }, scope, defaultScope: scope, audiences, defaultAudiences: audiences, refresh: found }
  },
}
