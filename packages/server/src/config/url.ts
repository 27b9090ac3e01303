// Rules for the URLs an operator writes: public URL, issuer (RFC 8414 section 2), upstream, host names. No DNS.

/** Hosts that only this machine reaches. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  return bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1' || /^127(?:\.[0-9]{1,3}){3}$/.test(bare)
}

/** `http://127.0.0.1:8080` of a listener's address. */
export function originOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The origin of `text` without a slash at its end, or what is wrong, as the rest of a sentence. */
export function readOrigin(text: string): { readonly origin: string } | { readonly problem: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) return { problem: 'must be an origin like https://auth.example.com' }
  if (url.pathname !== '/' || url.search || url.hash || url.username || url.password || /[?#@]/.test(text)) {
    return { problem: `must be an origin alone, like ${url.origin}` }
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return { problem: 'must begin with https:// (http:// is for loopback only)' }
  return { origin: url.origin }
}

/** What is wrong with an issuer, as the rest of a sentence; undefined: nothing. */
export function issuerProblem(text: string, demo: boolean): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:\/\//.test(text) || text.length > 512) return 'must be an absolute URL like https://auth.example.com/realms/main'
  if (/[?#]/.test(text)) return 'must have neither query nor fragment (RFC 8414 section 2)'
  if (url.username || url.password) return 'must hold no credentials'
  if (!/^[\x21-\x7e]+$/.test(text)) return 'must be of visible ASCII characters, since it is compared as plain text'
  if (url.protocol === 'http:' && !demo && !isLoopback(url.hostname)) return 'must begin with https:// (http:// is for loopback only)'
  return undefined
}

/** What is wrong with the URL of a JWK Set, as the rest of a sentence; undefined: nothing. RFC 8414 section 2 wants https. */
export function jwksUriProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:\/\//.test(text)) return 'must be a URL like https://login.example.com/.well-known/jwks.json'
  if (text.includes('#')) return 'must have no fragment'
  if (url.username || url.password) return 'must hold no credentials'
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) return 'must begin with https:// (http:// is for loopback only)'
  return undefined
}

/** What is wrong with an upstream, as the rest of a sentence; undefined: nothing. */
export function upstreamProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:\/\//.test(text)) return 'must be a URL like http://127.0.0.1:9000'
  if (/[?#]/.test(text)) return 'must have neither query nor fragment'
  if (url.username || url.password) return 'must hold no credentials'
  return undefined
}
