// Addresses as proxies write them, read in one way wherever one is believed.
import { isIP, SocketAddress } from 'node:net'

/** `203.0.113.7`, `2001:db8::1` or `[2001:db8::1]`, each but the second with a port or without. */
export function readAddress(text: string): string | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1]
  const bare = bracketed ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text
  const family = isIP(bare)
  if (family === 0 || bare.includes('%') || (bracketed !== undefined && family !== 6)) return undefined
  return family === 4 ? bare : unmapped(new SocketAddress({ address: bare, family: 'ipv6' }).address)
}

/** An IPv4 address in the form of IPv6 is the IPv4 address. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}
