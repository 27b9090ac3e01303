// grant_type=password: legacy, off unless a client is given it (RFC 9700 section 2.4). RFC 6749 section 4.3.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Grant } from './grant.ts'
import { required, rightsOf } from './grant.ts'

export const password: Grant = {
  name: 'password',
  async authorize(context, client, parameters) {
    const username = required(parameters, 'username')
    const given = required(parameters, 'password')
    const user = await context.store.users.findByUsername(context.realm.id, username)
    // Nobody's password takes as long to refuse as somebody's.
    const right = await context.passwords.verify(user?.passwordHash, given)
    if (!user?.enabled || !right) throw new OAuthError('invalid_grant', 'Unknown user, or wrong password.')
    return { ...rightsOf(client), subject: { kind: 'user', user }, refresh: client.grants.includes('refresh_token') ? 'start' : 'none' }
  },
}
