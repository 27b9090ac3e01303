// client_secret_post: the secret in the body, form or JSON as the dialect says. RFC 6749 section 2.3.1.
import { OAuthError } from '@countersign/protocol/oauth/error'
import { presentSecret } from './client_secret.ts'
import type { ClientAuth } from './method.ts'

export const clientSecretPost: ClientAuth = {
  present: ({ parameters }) => {
    const secret = parameters.get('client_secret')
    if (secret === undefined) return undefined
    const clientId = parameters.get('client_id')
    if (clientId === undefined) throw new OAuthError('invalid_request', "The parameter 'client_id' is missing.")
    return presentSecret('client_secret_post', clientId, secret)
  },
}
