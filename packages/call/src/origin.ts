// Which URLs may receive credentials: https, or http on this machine, and of an origin that was named. RFC 6454, RFC 9700 section 2.6.
import { ConfigurationError } from './errors.ts'

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost|[^.]+\.localhost)$/

export function isLoopback(url: URL): boolean {
  return LOOPBACK.test(url.hostname)
}

const HERE = /^(127\.|0\.0\.0\.0$|\[::1?\]$|\[::ffff:(7f[0-9a-f]{2}:|0:0\])|(.*\.)?localhost\.?$)/

/** Every spelling that may lead to this machine, where a loopback address is not wanted: more than those which are surely safe over http. */
export function mayBeHere(url: URL): boolean {
  return HERE.test(url.hostname)
}

export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

/** A URL that credentials may be sent to; undefined if it is not absolute, not secure, or has a user, a password or a fragment in it. */
export function readEndpoint(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && url.hash === ''
  return plain && isSecure(url) ? url : undefined
}

/** @throws ConfigurationError; the text is not quoted in it, since a URL can hold a password. */
export function checkEndpoint(text: string, option: string): URL {
  const url = readEndpoint(text)
  if (!url)
    throw new ConfigurationError(`${option} must be an absolute https URL (http on a loopback host) without user, password or fragment.`)
  return url
}

/**
 * The allow-list: `https://api.example.com`, with or without a slash at the end.
 * @throws ConfigurationError
 */
export function readOrigins(origins: readonly string[]): ReadonlySet<string> {
  return new Set(
    origins.map((text, index) => {
      const url = readEndpoint(text)
      if (url?.pathname !== '/' || url.search !== '') {
        throw new ConfigurationError(`apiOrigins[${index}] must be an origin like https://api.example.com (http on a loopback host only).`)
      }
      return url.origin
    }),
  )
}
