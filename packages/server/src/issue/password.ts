// Hashes and checks people's passwords: argon2id (RFC 9106) in PHC strings, a few at a time. Not for secrets of clients: those are random.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'

/** UTF-16 units; longer ones are refused unread. */
export const MAX_PASSWORD_LENGTH = 1024

/** Too many password checks are waiting: a malfunction for the caller, answered with 503 and Retry-After. */
export class PasswordQueueFull extends Error {
  override readonly name = 'PasswordQueueFull'

  constructor() {
    super('Too many password checks are waiting; try again in a moment.')
  }
}

/** A new hash with a random salt, as a PHC string. @throws RangeError for more than 1024 characters; PasswordQueueFull */
export async function hashPassword(password: string): Promise<string> {
  if (password.length > MAX_PASSWORD_LENGTH) throw new RangeError(`A password has at most ${MAX_PASSWORD_LENGTH} characters.`)
  const salt = randomBytes(SALT_LENGTH)
  return writePhc({ ...COST, salt, tag: await derive(password, { ...COST, salt, tag: DUMMY.tag }) })
}

/**
 * Whether the password is the hash's. Without a hash (nobody has that name) the same work is done and the answer is false,
 * so that the time tells nothing.
 * @throws PasswordQueueFull
 */
export async function verifyPassword(phc: string | undefined, password: string): Promise<boolean> {
  const known = phc === undefined ? undefined : readPhc(phc)
  const hash = known ?? DUMMY
  const tooLong = password.length > MAX_PASSWORD_LENGTH
  const tag = await derive(tooLong ? '' : password, hash)
  return timingSafeEqual(tag, hash.tag) && known !== undefined && !tooLong
}

/** Whether a text is an argon2id PHC string that this program can check: 8 KiB to 1 GiB, 1 to 16 passes. */
export function isPasswordHash(text: string): boolean {
  return readPhc(text) !== undefined
}

interface PasswordHash {
  /** KiB. */
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

/** OWASP's first choice for argon2id where memory counts: 19 MiB, two passes, one lane. */
const COST = { memory: 19456, passes: 2, parallelism: 1 }
const SALT_LENGTH = 16
const TAG_LENGTH = 32
const DUMMY: PasswordHash = { ...COST, salt: new Uint8Array(SALT_LENGTH), tag: new Uint8Array(TAG_LENGTH) }

const PHC = /^\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/

function readPhc(text: string): PasswordHash | undefined {
  const parts = PHC.exec(text)
  if (!parts) return undefined
  const [, m, t, p, salt = '', tag = ''] = parts
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)]
  if (parallelism < 1 || passes < 1 || passes > 16 || memory < 8 * parallelism || memory > 1 << 20) return undefined
  return { memory, passes, parallelism, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function writePhc({ memory, passes, parallelism, salt, tag }: PasswordHash): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

// Two at a time: each fills a thread of the pool for 20 to 40 ms, and signing and file work want the other two.
const MOST_AT_ONCE = 2
const MOST_WAITING = 64
let running = 0
const waiting: (() => void)[] = []

async function derive(password: string, hash: PasswordHash): Promise<Uint8Array> {
  await enter()
  try {
    return await derived(password, hash)
  } finally {
    leave()
  }
}

function enter(): Promise<void> {
  if (running < MOST_AT_ONCE) {
    running++
    return Promise.resolve()
  }
  if (waiting.length >= MOST_WAITING) return Promise.reject(new PasswordQueueFull())
  return new Promise((resolve) => {
    waiting.push(resolve)
  })
}

/** The place goes to the next in line without being free in between. */
function leave(): void {
  const next = waiting.shift()
  if (next) next()
  else running--
}

function derived(password: string, { memory, passes, parallelism, salt, tag }: PasswordHash): Promise<Uint8Array> {
  const parameters = { message: password, nonce: salt, memory, passes, parallelism, tagLength: tag.length }
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, bytes) => (error ? reject(error) : resolve(bytes)))
  })
}
