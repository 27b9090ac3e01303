// client_secret_basic: `Authorization: Basic`. RFC 6749 section 2.3.1. An empty secret is no secret (section 2.3.1).
import { presentSecret } from './client_secret.ts'
import type { ClientAuth } from './method.ts'

export const clientSecretBasic: ClientAuth = {
  present: ({ basic }) =>
    basic && basic.clientSecret !== '' ? presentSecret('client_secret_basic', basic.clientId, basic.clientSecret) : undefined,
}
