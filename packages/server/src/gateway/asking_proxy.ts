// Which proxies may ask about requests, and whom they say a request is from. Answers nothing. RFC 9700 section 4.13.
import { timingSafeEqual } from 'node:crypto'
import type { Api } from '../model/api.ts'
import { secretHash } from '../model/secret_hash.ts'
import { readAddress } from './address.ts'
import type { Incoming } from './messages.ts'

/** Where a proxy shows the secret it has of the configuration. */
export const PROXY_SECRET_HEADER = 'x-countersign-proxy-secret'

/**
 * Whoever may ask is believed about the request and its caller: a stranger's word on them is how others fell. With a secret the secret
 * alone counts, since on a shared machine, and behind a proxy on it, everybody has a trusted address.
 */
export function createTrust(isProxy: (address: string) => boolean): (api: Api, request: Incoming) => boolean {
  // A proxy keeps its connections: the address is looked up once for each.
  const known = new WeakMap<object, boolean>()
  return ({ forwardAuth }, { headers, socket }) => {
    if (forwardAuth === null) return false
    if (forwardAuth.secretHash !== null) return isSecret(headers[PROXY_SECRET_HEADER], forwardAuth.secretHash)
    let trusted = known.get(socket)
    if (trusted === undefined) {
      trusted = isProxy(socket.remoteAddress ?? '')
      known.set(socket, trusted)
    }
    return trusted
  }
}

/** Whom `X-Forwarded-For` of an asking proxy names; undefined where it names nobody. Kept, since callers come again. */
export function createCallerAddress(isProxy: (address: string) => boolean): (field: string | string[] | undefined) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (field) => {
    if (typeof field !== 'string') return undefined
    if (known.has(field)) return known.get(field)
    const address = nearest(field, isProxy)
    if (field.length > LONGEST_KEPT) return address
    if (known.size >= MOST_KEPT) known.clear()
    known.set(field, address)
    return address
  }
}

const MOST_KEPT = 10_000
const LONGEST_KEPT = 100
const MAX_HOPS = 32

/** The nearest hop that is no proxy of ours; the last entry is the asking proxy's own. What is malformed makes no address. */
function nearest(field: string, isProxy: (address: string) => boolean): string | undefined {
  const hops = field.split(',', MAX_HOPS + 1).map((hop) => hop.trim())
  if (hops.length > MAX_HOPS) return undefined
  let address: string | undefined
  for (const hop of hops.toReversed()) {
    address = readAddress(hop)
    if (address === undefined || !isProxy(address)) return address
  }
  return address
}

function isSecret(shown: string | string[] | undefined, hash: string): boolean {
  if (typeof shown !== 'string') return false
  const [one, other] = [Buffer.from(secretHash(shown)), Buffer.from(hash)]
  return one.length === other.length && timingSafeEqual(one, other)
}
