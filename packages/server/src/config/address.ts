// IP addresses and blocks of them as an operator writes them. RFC 4632 section 3.1, RFC 4291 section 2.3.
import { isIPv4, isIPv6 } from 'node:net'

/** What is wrong with `203.0.113.7`, `203.0.113.0/24` or `2001:db8::/32`, as the rest of a sentence; undefined: nothing. */
export function addressProblem(text: string): string | undefined {
  const [, address = '', bits] = /^([0-9A-Fa-f.:]{2,45})(?:\/([0-9]{1,3}))?$/.exec(text) ?? []
  const most = bitsOf(address)
  if (most === 0) return 'must be an IP address or a block like 203.0.113.0/24 or 2001:db8::/32'
  if (bits === undefined) return undefined
  if (Number(bits) > most || String(Number(bits)) !== bits) return `must have a number from 0 to ${most} behind its /`
  return undefined
}

/** Whether the block is the whole of the Internet. */
export function isEverywhere(text: string): boolean {
  return text.endsWith('/0')
}

function bitsOf(address: string): 32 | 128 | 0 {
  if (isIPv4(address)) return 32
  // A caller by IPv4 is known by that, never by its address inside IPv6.
  return isIPv6(address) && !/^[0:]*:ffff:/i.test(address) ? 128 : 0
}
