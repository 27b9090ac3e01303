// What `clientDialect(standard)` does, without the document: where every name is the standard's own there is nothing to translate, and
// a client of a standard provider need not carry the translation. A test holds the two equal.
import type { ClientDialect } from './client.ts'
import { readErrorAnswer } from './codec/error.ts'
import { presentationWriter } from './codec/presentation.ts'
import { postForm } from './codec/token_request.ts'
import { parseBody, readTokenSet } from './codec/token_response.ts'
import type { PresentationDialect } from './dialect.ts'
import { isPlainObject } from './shape.ts'

const presentation: PresentationDialect = {
  token: [{ header: 'authorization', scheme: 'Bearer' }],
  api_key: [{ header: 'x-api-key', scheme: null }],
}

/** The dialect `standard` for a client. */
export const standardClient: ClientDialect = {
  name: 'standard',
  document: { token_request: { client_auth: ['client_secret_basic', 'client_secret_post'] }, presentation },
  tokenRequest: { write: ({ parameters, basic }, path) => postForm(parameters, basic, path) },
  tokenResponse: { read: ({ body }) => readTokenSet(membersOf(body)) },
  error: { read: (response) => readErrorAnswer(membersOf(response.body), response) },
  presentation: /* @__PURE__ */ presentationWriter(presentation),
}

function membersOf(body: string): Record<string, unknown> | undefined {
  const value = parseBody(body)
  if (!isPlainObject(value)) return undefined
  // No member of the standard's: another family's, read by its own dialect.
  const { refresh_expires_in: _, ...members } = value
  return members
}
