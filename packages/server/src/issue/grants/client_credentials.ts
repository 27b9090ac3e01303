// grant_type=client_credentials: a confidential client in its own name, without refresh token. RFC 6749 section 4.4.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Grant } from './grant.ts'
import { rightsOf } from './grant.ts'

export const clientCredentials: Grant = {
  name: 'client_credentials',
  async authorize(_context, client) {
    if (client.authMethods.includes('none')) throw new OAuthError('unauthorized_client', 'A public client cannot act in its own name.')
    return { ...rightsOf(client), subject: { kind: 'client' }, refresh: 'none' }
  },
}
