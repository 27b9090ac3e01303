// The request target, read once at the door. RFC 9112 section 3.2.
import type { IncomingMessage } from 'node:http'

/** Absolute form becomes origin form and `Host`, as section 3.2.2 asks; everything behind sees one form only. */
export function settleTarget(request: IncomingMessage): void {
  const target = request.url ?? '/'
  if (target.startsWith('/')) return
  const absolute = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target)
  if (!absolute) return
  const rest = absolute[2] ?? '/'
  request.url = rest.startsWith('?') ? `/${rest}` : rest
  request.headers.host = absolute[1]
}
