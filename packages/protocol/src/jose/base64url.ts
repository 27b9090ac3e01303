// Canonical base64url, RFC 7515 section 2 and RFC 4648 section 3.5: one text for one sequence of bytes.
// No padding, no white space, no other alphabet, no bits left over.

/** The bytes, or undefined if `text` is not the one canonical spelling of them. The empty text is no bytes. */
export const decodeBase64url = (text: string): Buffer | undefined => {
  if (!ALPHABET.test(text)) return undefined
  const spare = LEFT_OVER_BITS[text.length % 4]
  if (spare === undefined || (spare !== 0 && (VALUES.indexOf(text.charAt(text.length - 1)) & spare) !== 0)) return undefined
  return Buffer.from(text, 'base64url')
}

/** The canonical base64url text of a text's UTF-8 bytes. */
export const encodeBase64url = (text: string): string => Buffer.from(text, 'utf8').toString('base64url')

const ALPHABET = /^[A-Za-z0-9_-]*$/
const VALUES = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
// By length modulo 4: the bits of the last character that carry nothing and must be zero. A rest of 1 cannot be.
const LEFT_OVER_BITS: readonly (number | undefined)[] = [0, undefined, 0b1111, 0b11]
