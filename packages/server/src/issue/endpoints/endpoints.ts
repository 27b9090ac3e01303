// The endpoints of a realm by their name in the dialect document. One new endpoint: one file and one line here.
import type { EndpointName } from '@countersign/protocol/dialect/dialect'
import type { Endpoint } from '../context.ts'
import { authorization } from './authorization.ts'
import { endSession } from './end_session.ts'
import { introspection } from './introspection.ts'
import { jwks } from './jwks.ts'
import { metadata } from './metadata.ts'
import { pem } from './pem.ts'
import { revocation } from './revocation.ts'
import { token } from './token.ts'
import { userinfo } from './userinfo.ts'

export const ENDPOINTS: Readonly<Record<EndpointName, Endpoint>> = {
  token,
  authorization,
  introspection,
  revocation,
  userinfo,
  end_session: endSession,
  jwks,
  pem,
  metadata,
}
