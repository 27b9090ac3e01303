// What the upstream is told of the connection: `Forwarded` (RFC 7239) and, beside it, the older X-Forwarded-* that most programs read.
// Written anew: the caller's own word on it was taken away (fields.ts).

/** Who sent a request, as far as the proxies in front of this server are to be believed. */
export interface Caller {
  /** `203.0.113.7`, `2001:db8::1`; '' for a connection that is gone. */
  readonly address: string
  readonly proto: 'http' | 'https'
}

/** @param host the header field, as sent */
export function addForwarded(fields: string[], { address, proto }: Caller, host: string | undefined): void {
  const node = address === '' ? 'unknown' : address
  let forwarded = `for=${node.includes(':') ? `"[${node}]"` : node};proto=${proto}`
  if (host !== undefined) {
    fields.push('x-forwarded-host', host)
    // A host that is none could end the quoted string and say more than it is asked.
    if (TOKEN.test(host)) forwarded += `;host=${host}`
    else if (HOST.test(host)) forwarded += `;host="${host}"`
  }
  fields.push('forwarded', forwarded, 'x-forwarded-for', node, 'x-forwarded-proto', proto)
}

const TOKEN = /^[A-Za-z0-9._-]+$/
const HOST = /^[A-Za-z0-9._:[\]-]+$/
