// none: a public client names itself and proves nothing. RFC 6749 section 2.1, RFC 7591 section 2.
import type { ClientAuth } from './method.ts'

export const none: ClientAuth = {
  present: ({ parameters, basic }) => {
    if (parameters.has('client_secret')) return undefined
    if (basic) return basic.clientSecret === '' ? { method: 'none', clientId: basic.clientId, secret: undefined } : undefined
    const clientId = parameters.get('client_id')
    return clientId === undefined ? undefined : { method: 'none', clientId, secret: undefined }
  },
}
