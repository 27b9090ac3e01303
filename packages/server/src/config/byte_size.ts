// Sizes as an operator writes them, in bytes.

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 }
const MOST_BYTES = 1024 ** 4

/** Bytes of `4096`, `'4096b'`, `'512kb'`, `'10mb'`, `'1gb'` (multiples of 1024); NaN for anything else, for less than 1 and more than 1 TB. */
export function byteSize(value: unknown): number {
  const bytes = typeof value === 'string' ? fromText(value) : value
  return typeof bytes === 'number' && Number.isInteger(bytes) && bytes >= 1 && bytes <= MOST_BYTES ? bytes : Number.NaN
}

function fromText(text: string): number {
  const [, amount, unit = ''] = /^([0-9]{1,15})([kmgt]?b)$/i.exec(text) ?? []
  return Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN)
}
