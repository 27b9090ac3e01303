// none: a public client names itself and proves nothing. RFC 6749 section 2.1, RFC 7591 section 2.
import type { ClientAuth, Presented } from './method.ts'

export const none: ClientAuth = {
  present: ({ parameters, basic }) => {
    if (parameters.has('client_secret') || parameters.has('client_assertion')) return undefined
    if (basic) return basic.clientSecret === '' ? named(basic.clientId) : undefined
    const clientId = parameters.get('client_id')
    return clientId === undefined ? undefined : named(clientId)
  },
}

function named(clientId: string): Presented {
  return { method: 'none', clientId, prove: () => ({ proven: true, credential: null }) }
}
