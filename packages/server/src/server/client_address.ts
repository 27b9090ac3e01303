// Whom a request comes from: the peer of its connection, or whom a trusted proxy there says it had it from. RFC 7239 section 5.2.
// What stands left of the first address that is no trusted proxy's was written by strangers and means nothing.
import { BlockList, isIP } from 'node:net'
import { readAddress, unmapped } from '../gateway/address.ts'
import type { Caller } from '../gateway/forwarded.ts'
import type { Incoming } from '../gateway/messages.ts'

export interface ClientAddress {
  /** Address and scheme of a request's sender. */
  readonly callerOf: (request: Incoming) => Caller
  /** Whether an address is one of the trusted proxies'. */
  readonly isTrusted: (address: string) => boolean
  /** Whether a request comes from one of them directly. */
  readonly isTrustedPeer: (request: Incoming) => boolean
}

/** @param trustedProxies addresses and CIDR blocks, as configuration has checked them */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = listOf(trustedProxies)
  const isTrusted = (address: string): boolean => {
    const family = isIP(address)
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    isTrusted,
    isTrustedPeer: ({ socket }) => trustedProxies.length > 0 && isTrusted(unmapped(socket.remoteAddress ?? '')),
    callerOf(request) {
      const { socket } = request
      const peer = unmapped(socket.remoteAddress ?? '')
      const proto = 'encrypted' in socket ? 'https' : 'http'
      if (trustedProxies.length === 0 || !isTrusted(peer)) return { address: peer, proto }
      return { address: addressFrom(request, peer, isTrusted), proto: protoFrom(request) ?? proto }
    },
  }
}

function listOf(proxies: readonly string[]): BlockList {
  const list = new BlockList()
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}

/** What a proxy says in one header and not in the other was said by somebody else: then neither is believed. */
function addressFrom({ headers }: Incoming, peer: string, isTrusted: ClientAddress['isTrusted']): string {
  const { forwarded } = headers
  const listed = headers['x-forwarded-for']
  const older = listed === undefined ? undefined : walk(addressesOf(String(listed)), peer, isTrusted)
  const newer = forwarded === undefined ? undefined : walk(nodesOf(forwarded), peer, isTrusted)
  if (older !== undefined && newer !== undefined && older !== newer) return peer
  return older ?? newer ?? peer
}

/** From the right, as far as the proxies are ours. An entry that is no address leaves it at the proxy that wrote it. */
function walk(entries: readonly (string | undefined)[], peer: string, isTrusted: ClientAddress['isTrusted']): string {
  let known = peer
  for (const entry of entries.toReversed()) {
    if (entry === undefined) return known
    known = entry
    if (!isTrusted(entry)) return known
  }
  return known
}

/** More than any chain of proxies; what is left of them is not looked at. */
const MOST_ENTRIES = 32

function addressesOf(field: string): readonly (string | undefined)[] {
  return field
    .split(',')
    .slice(-MOST_ENTRIES)
    .map((entry) => readAddress(entry.trim()))
}

/** Of each element of `Forwarded` its `for`; undefined for an element without one that can be read. */
function nodesOf(field: string): readonly (string | undefined)[] {
  return splitOutside(field, ',')
    .slice(-MOST_ENTRIES)
    .map((element) => {
      const nodes = splitOutside(element, ';').flatMap((pair) => PAIR.exec(pair.trim())?.[1] ?? [])
      return nodes.length === 1 ? readAddress((nodes[0] ?? '').replace(QUOTES, '')) : undefined
    })
}

const PAIR = /^for=("[^"\\]*"|[^"\s]*)$/i
const QUOTES = /^"|"$/g

/** A quoted string may hold the separator. */
function splitOutside(text: string, separator: string): string[] {
  const parts = ['']
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (quoted && character === '\\') {
      parts.push(`${parts.pop()}${character}${text[++at] ?? ''}`)
      continue
    }
    if (character === '"') quoted = !quoted
    if (character === separator && !quoted) parts.push('')
    else parts.push(`${parts.pop()}${character}`)
  }
  return parts
}

/** One plain word, or none: several are of several hops, and not all of those need be ours. */
function protoFrom({ headers }: Incoming): Caller['proto'] | undefined {
  const said = String(headers['x-forwarded-proto'] ?? '').toLowerCase()
  return said === 'http' || said === 'https' ? said : undefined
}
