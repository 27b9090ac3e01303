// How our own client secrets and API keys look: a prefix that scanners know, 256 random bits, a checksum. Owns no randomness, keeps nothing.
//
//   cs_secret_ + 43 characters base64url + 6 characters base62
//   cs_key_ + 12 characters of a-z and 0-9, its public id + _ + 43 characters base64url + 6 characters base62
//
// A key without an id is as good: those made before ids were, and those of `makeCredential`.
//
// The checksum is CRC-32, as others do it: a scanner computes it offline in any language, it is certain for a mistake within four
// characters that stand together, and it need not resist anybody, since what decides is the hash of the whole.

export type CredentialKind = 'secret' | 'key'

/** `cs_secret_...` or `cs_key_...`: letters, digits, `_` and `-` only. @param bytes 32 random ones. @throws RangeError for any other number */
export function makeCredential(kind: CredentialKind, bytes: Uint8Array): string {
  return whole(`cs_${kind}_`, bytes)
}

/**
 * `cs_key_ID_...`: an API key with its public id in it, so that whoever finds one finds its row too, without knowing the rest.
 * @param id 12 characters of a-z and 0-9, made at random apart from `bytes` @param bytes 32 random ones
 * @throws RangeError for another id or number of bytes
 */
export function makeApiKey(id: string, bytes: Uint8Array): string {
  if (!API_KEY_ID.test(id)) throw new RangeError('The id of an API key has 12 characters of a-z and 0-9.')
  return whole(`cs_key_${id}_`, bytes)
}

/** The public id that stands in a whole API key of ours; undefined for one without an id, a damaged one and all else. */
export function apiKeyIdOf(text: string): string | undefined {
  return checkCredential(text) === 'ok' ? WITH_ID.exec(text)?.[1] : undefined
}

/**
 * `ok`: one of ours, whole. `damaged`: one of ours, mistyped or cut short; it opens nothing. `foreign`: nothing we can judge, such as a
 * secret the operator brought, or one of the first release, which had 43 characters behind the prefix and no checksum.
 */
export function checkCredential(text: string): 'ok' | 'damaged' | 'foreign' {
  if (text.length > LONGEST) return 'foreign'
  if (WHOLE.test(text)) return checksum(text.slice(0, -CHECKSUM_LENGTH)) === text.slice(-CHECKSUM_LENGTH) ? 'ok' : 'damaged'
  return RESEMBLING.test(text) && !FIRST_RELEASE.test(text) ? 'damaged' : 'foreign'
}

// 32 bytes leave the last two bits of 43 characters empty. base64url writes them 00, we write 01: so one of ours that is cut to
// 43 characters is never one of the first release, and the last characters of both are these.
const UNMARKED = 'AEIMQUYcgkosw048'
const MARKED = 'BFJNRVZdhlptx159'

const CHECKSUM_LENGTH = 6
const WHOLE = new RegExp(`^cs_(?:secret_|key_(?:[0-9a-z]{12}_)?)[A-Za-z0-9_-]{42}[${MARKED}][A-Za-z0-9]{${CHECKSUM_LENGTH}}$`)
const API_KEY_ID = /^[0-9a-z]{12}$/
/** Of the two lengths of a whole key this is the one with an id. */
const WITH_ID = new RegExp(`^cs_key_([0-9a-z]{12})_.{${43 + CHECKSUM_LENGTH}}$`)
const FIRST_RELEASE = new RegExp(`^cs_(?:secret|key)_[A-Za-z0-9_-]{42}[${UNMARKED}]$`)
// Hexadecimal, UUIDs, words and plain base64 behind our prefix are an operator's own, so what has no letters of both cases, or + / =, is
// left alone; and so is what is far too short or long to be told from it.
const RESEMBLING = /^cs_(?:secret|key)_(?=.*[A-Z])(?=.*[g-z])[^+/=]{20,70}$/s
const LONGEST = 'cs_secret_'.length + 70

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function whole(prefix: string, bytes: Uint8Array): string {
  if (bytes.length !== 32) throw new RangeError('A credential is made of 32 random bytes.')
  const body = base64urlOf(bytes)
  const marked = `${prefix}${body.slice(0, -1)}${MARKED[UNMARKED.indexOf(body.slice(-1))]}`
  return marked + checksum(marked)
}

/** @param text ASCII */
function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    digits = DIGITS.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

function base64urlOf(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

// The reflected polynomial of CRC-32 as zlib, PNG and Ethernet have it. By hand, since this room runs where there is no node:zlib.
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let row = index
  for (let bit = 0; bit < 8; bit++) row = row & 1 ? (row >>> 1) ^ 0xed_b8_83_20 : row >>> 1
  return row
})

function crc32(text: string): number {
  let crc = 0xff_ff_ff_ff
  for (let at = 0; at < text.length; at++) crc = (CRC_TABLE[(crc ^ text.charCodeAt(at)) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}
