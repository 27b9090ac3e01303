// Whose an API key is: `POST /realms/{realm}/api-key` with `hash=sha256:...`, for guards in other programs. The key itself never comes here.
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Endpoint } from '../context.ts'
import { required } from '../grants/grant.ts'
import { authenticateGuard } from '../guard_client.ts'
import { jsonResponse } from './json_response.ts'

/** SHA-256, base64url. */
const HASH = /^sha256:[A-Za-z0-9_-]{43}$/

export const guardKey: Endpoint = {
  methods: ['POST'],
  query: false,
  async answer(context, dialect, wire) {
    await authenticateGuard(context, dialect, wire)
    const hash = required(dialect.tokenRequest.read(wire).parameters, 'hash')
    if (!HASH.test(hash))
      throw new OAuthError('invalid_request', "The parameter 'hash' must be 'sha256:' and the base64url SHA-256 of a key.")
    const key = await context.directory.apiKey(context.realm.id, hash)
    const live = key !== undefined && (key.expiresAt === null || context.now() < key.expiresAt)
    // Not an error of the request: a plain "nobody has it", with a body that says so.
    if (!live) return { ...jsonResponse({ found: false }), status: 404 }
    return jsonResponse({ id: key.id, client_id: key.clientId, expires_at: key.expiresAt, addresses: key.addresses })
  },
}
