// Private keys at rest: AES-256-GCM under the operator's master key, bound to realm and kid so that rows cannot be swapped.
import { createCipheriv, createDecipheriv } from 'node:crypto'

const SEALED = 'sealed:v1:'
const PLAIN = 'plain:'
/** A fresh random nonce of this many bytes for every seal. */
export const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The key cannot be opened: wrong or missing master key, or a row that was tampered with. */
export class SealError extends Error {
  override readonly name = 'SealError'
}

/** @param masterKey 32 bytes; null stores the text readable. @param name what the seal is bound to: realm and kid. */
export function seal(text: string, masterKey: Uint8Array | null, name: string, nonce: Uint8Array): string {
  if (masterKey === null) return PLAIN + text
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(name))
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return SEALED + sealed.toString('base64url')
}

/** @throws SealError with a sentence for the operator. */
export function unseal(stored: string, masterKey: Uint8Array | null, name: string): string {
  if (stored.startsWith(PLAIN)) return stored.slice(PLAIN.length)
  if (!stored.startsWith(SEALED)) throw new SealError('A stored signing key is in a form this version does not know.')
  if (masterKey === null) throw new SealError('The signing keys are sealed: give the key they were sealed under as masterKey.')
  const bytes = Buffer.from(stored.slice(SEALED.length), 'base64url')
  try {
    const decipher = createDecipheriv('aes-256-gcm', masterKey, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(name)).setAuthTag(bytes.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new SealError('The signing keys cannot be opened: masterKey is not the key they were sealed under, so give that one.', { cause })
  }
}
