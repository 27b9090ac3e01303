// Base64 of UTF-8 text, without Node's Buffer: this room runs anywhere. RFC 4648 section 4.

const MAX_LENGTH = 8192

/** UTF-8 text out of base64 (padding optional, at most 8192 characters); undefined if it is neither base64 nor UTF-8. */
export function readBase64Text(base64: string): string | undefined {
  if (base64.length > MAX_LENGTH || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

export function writeBase64Text(text: string): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}
