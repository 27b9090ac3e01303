// The request target and host, read in one way only. RFC 9112 section 3.2.
import type { Incoming } from '../gateway/messages.ts'

/** Absolute form becomes origin form and `Host`, as section 3.2.2 asks; everything behind sees one form only. */
export function settleTarget(request: Incoming): void {
  const target = request.url ?? '/'
  if (target.startsWith('/')) return
  const absolute = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(target)
  if (!absolute) return
  const rest = absolute[2] ?? '/'
  request.url = rest.startsWith('?') ? `/${rest}` : rest
  request.headers.host = absolute[1]
}

/** Path as sent, and whether a query follows it. */
export function splitUrl(url: string): { path: string; query: boolean } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: false } : { path: url.slice(0, mark), query: mark < url.length - 1 }
}

/** Host name in lower case, without port; '' if there is none that can be read. */
export function hostOf(field: string | undefined): string {
  if (field === undefined) return ''
  const colon = field.startsWith('[') ? field.indexOf(':', field.indexOf(']')) : field.indexOf(':')
  return (colon < 0 ? field : field.slice(0, colon)).toLowerCase()
}
