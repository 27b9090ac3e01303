// What is stored, encrypted under the user's key or as it is: AES-256-GCM (NIST SP 800-38D) by WebCrypto, a fresh 96-bit nonce each time.
import { ConfigurationError } from '../errors.ts'

export interface Seal {
  /** @param place where the text is stored: what was sealed for one place does not open at another. */
  readonly close: (text: string, place: string) => Promise<string>
  /** Undefined if it was not sealed by this key for this place. */
  readonly open: (sealed: string, place: string) => Promise<string | undefined>
}

/**
 * @param key 32 random bytes, or undefined to store texts as they are.
 * @throws ConfigurationError for any other length.
 */
export function createSeal(key: Uint8Array | undefined, nonceBytes: (count: number) => Uint8Array<ArrayBuffer>): Seal {
  if (key === undefined) return { close: (text) => Promise.resolve(text), open: (text) => Promise.resolve(text) }
  if (key.length !== 32) throw new ConfigurationError(`encryptionKey must be 32 bytes, and this one has ${key.length}.`)
  const imported = crypto.subtle.importKey('raw', Uint8Array.from(key), 'AES-GCM', false, ['encrypt', 'decrypt'])
  const encoder = new TextEncoder()
  return {
    async close(text, place) {
      const iv = nonceBytes(NONCE)
      const parameters = { name: 'AES-GCM', iv, additionalData: encoder.encode(place) }
      const sealed = new Uint8Array(await crypto.subtle.encrypt(parameters, await imported, encoder.encode(text)))
      return PREFIX + encodeBytes(iv) + encodeBytes(sealed)
    },
    async open(sealed, place) {
      if (!sealed.startsWith(PREFIX)) return undefined
      try {
        const bytes = Uint8Array.from(atob(sealed.slice(PREFIX.length)), (letter) => letter.charCodeAt(0))
        const parameters = { name: 'AES-GCM', iv: bytes.subarray(0, NONCE), additionalData: encoder.encode(place) }
        return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, await imported, bytes.subarray(NONCE)))
      } catch {
        return undefined
      }
    },
  }
}

const PREFIX = 'sealed 1 '
/** 12 bytes are 16 letters of base64 without padding, so what follows them can be encoded on its own. */
const NONCE = 12

function encodeBytes(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
