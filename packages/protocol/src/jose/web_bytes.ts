// Bytes as base64url and their SHA-256 by WebCrypto, for code that runs where there is no Node. RFC 7515 section 2.

/** Without padding. */
export const base64urlOf = (bytes: Uint8Array): string => {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** base64url of the SHA-256 of a text's UTF-8 bytes. */
export const sha256Of = async (text: string): Promise<string> =>
  base64urlOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
