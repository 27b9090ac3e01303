// Lists of addresses, `203.0.113.7` and `2001:db8::/32` alike: who is on one. Believes what it is given: where an address comes from, and
// whether a proxy's word on it counts, is the caller's matter. RFC 4632, RFC 4291 section 2.3.
import { BlockList, isIPv4, isIPv6 } from 'node:net'

export interface AddressList {
  /** False for anything that is no address. An IPv4 address written as IPv6 (`::ffff:203.0.113.7`) is the IPv4 one; a zone is not looked at. */
  has(address: string): boolean
}

/** @throws TypeError for an entry that is neither an address nor a block in CIDR notation */
export function createAddressList(entries: readonly string[]): AddressList {
  const list = new BlockList()
  for (const entry of entries) add(list, entry)
  return {
    has(address) {
      const plain = plainAddress(address)
      if (isIPv4(plain)) return list.check(plain, 'ipv4')
      return isIPv6(plain) && list.check(plain, 'ipv6')
    },
  }
}

const BLOCK = /^([0-9A-Fa-f.:]{2,45})(?:\/(0|[1-9]\d{0,2}))?$/

function add(list: BlockList, entry: string): void {
  const [, given = '', digits] = BLOCK.exec(entry) ?? []
  const address = plainAddress(given)
  const family = familyOf(address)
  // A block of IPv4 addresses that is written as IPv6 counts its prefix from the start of the longer form.
  const shift = isIPv6(given) && family === 'ipv4' ? 96 : 0
  const length = family === 'ipv4' ? 32 : 128
  const prefix = digits === undefined ? length : Number(digits) - shift
  if (family === undefined || prefix < 0 || prefix > length) {
    throw new TypeError(`${JSON.stringify(entry)} is neither an address nor a block of them, like 203.0.113.0/24 or 2001:db8::/32`)
  }
  if (prefix === length) list.addAddress(address, family)
  else list.addSubnet(address, prefix, family)
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  if (isIPv4(address)) return 'ipv4'
  return isIPv6(address) ? 'ipv6' : undefined
}

const DOTTED = /^(?:::|(?:0{1,4}:){5})ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i
const HEXADECIMAL = /^(?:::|(?:0{1,4}:){5})ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i

/** IPv4 as IPv4. */
function plainAddress(text: string): string {
  if (!text.includes(':')) return text
  const dotted = DOTTED.exec(text)?.[1]
  if (dotted !== undefined) return dotted
  const [, high, low] = HEXADECIMAL.exec(text) ?? []
  if (high === undefined || low === undefined) return text
  const [left, right] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `${left >> 8}.${left & 255}.${right >> 8}.${right & 255}`
}
