// Canonical base64url, RFC 7515 section 2 and RFC 4648 section 3.5: one text for one sequence of bytes.
// No padding, no white space, no other alphabet, no bits left over.

/** The bytes, or undefined if `text` is not the one canonical spelling of them. The empty text is no bytes. */
export const decodeBase64url = (text: string): Buffer | undefined => {
  // Node decodes leniently, so the canonical spelling is the one that comes back; also faster than testing the alphabet.
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}

/** The canonical base64url text of a text's UTF-8 bytes. */
export const encodeBase64url = (text: string): string => Buffer.from(text, 'utf8').toString('base64url')
