// One public key as PEM, for verifiers that cannot read a JWK Set (HAProxy's jwt_verify).
import { toPem } from '@countersign/protocol/jose/jwk'
import type { Endpoint } from '../context.ts'

export const pem: Endpoint = {
  methods: ['GET'],
  query: true,
  async answer(context, _dialect, request) {
    const kid = request.path.slice(request.path.lastIndexOf('/') + 1, -'.pem'.length)
    const key = (await context.keys.publicKeys()).find((one) => one.kid === kid)
    if (!key) return { status: 404, headers: { 'content-type': 'text/plain' }, body: 'This realm has no key of that name.\n' }
    return { status: 200, headers: { 'content-type': 'application/x-pem-file', 'cache-control': 'public, max-age=300' }, body: toPem(key) }
  },
}
