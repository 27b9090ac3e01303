// A JSON answer of an endpoint whose form no dialect changes.
import { NO_STORE } from '@countersign/protocol/dialect/codec/token_response'
import type { WireResponse } from '@countersign/protocol/dialect/message'

/** Personal or about a token: never stored by a cache. */
export function jsonResponse(value: unknown): WireResponse {
  return { status: 200, headers: NO_STORE, body: JSON.stringify(value) }
}

const PUBLIC = {
  'content-type': 'application/json',
  'cache-control': 'public, max-age=300',
  // Public documents: a browser's client may read them from anywhere.
  'access-control-allow-origin': '*',
}

/** The same for everybody: metadata and keys. */
export function publicJsonResponse(value: unknown): WireResponse {
  return { status: 200, headers: PUBLIC, body: JSON.stringify(value) }
}
