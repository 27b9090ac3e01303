// The network that one caller can be taken to be alone in: an IPv4 address, or 64 bits of an IPv6 one, whose other half its owner makes up.

/** One text for each network; what is no IP address stands for itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [before = '', after] = (address.split('%')[0] ?? '').toLowerCase().split('::')
  const groups = before === '' ? [] : before.split(':')
  const behind = after === undefined || after === '' ? 0 : after.split(':').length
  // What `::` leaves out begins behind `before`: zeros, as many as are missing of eight.
  const zeros = after === undefined ? 0 : Math.max(0, 8 - groups.length - behind)
  const whole = [...groups, ...Array.from({ length: zeros }, () => '0'), ...(after?.split(':') ?? [])]
  return `${whole
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
