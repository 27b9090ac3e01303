// The file a dump travels in: lines, compressed in pieces, each piece encrypted and authenticated (AES-256-GCM) with its number and whether
// it is the last, so that a piece that is changed, missing, repeated or moved is found. Owns no line's meaning.
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { DumpError } from './dump_error.ts'

/** `countersign-backup 1 aes-256-gcm SALT KEY_ID`, or `countersign-backup 1 plain`: the first line, which every piece is bound to. */
const MAGIC = 'countersign-backup'
const VERSION = '1'
const LONGEST_HEAD = 256

/** Bytes of lines in a piece; one line may be longer. */
const PIECE_BYTES = 256 * 1024
const MOST_PIECE_BYTES = 64 * 1024 * 1024
const TAG_BYTES = 16
export const SALT_BYTES = 32
export const KEY_BYTES = 32

/** What a file is sealed with: the operator's key, and a salt that no other file has. */
export interface DumpSeal {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** 32 random bytes. */
  readonly salt: Uint8Array
}

export interface DumpFileWriter {
  /** @param text without line end. Resolves when more may come. */
  readonly line: (text: string) => Promise<void>
  /** The last piece. Resolves with the bytes written. */
  readonly end: () => Promise<number>
}

/** @param seal null: the file is readable by anybody */
export function writeDumpFile(write: (bytes: Uint8Array) => Promise<void>, seal: DumpSeal | null): DumpFileWriter {
  const head = seal
    ? `${MAGIC} ${VERSION} aes-256-gcm ${Buffer.from(seal.salt).toString('base64url')} ${keyId(seal.key)}\n`
    : `${MAGIC} ${VERSION} plain\n`
  const fileKey = seal && fileKeyOf(seal.key, seal.salt)
  let lines: string[] = [head]
  let length = 0
  let pieces = 0
  let written = 0

  const send = async (bytes: Uint8Array): Promise<void> => {
    written += bytes.length
    await write(bytes)
  }
  const flush = async (last: boolean): Promise<void> => {
    if (pieces === 0) await send(Buffer.from(head))
    const packed = zstdCompressSync(lines.join(''))
    const frame = frameHead(packed.length + (fileKey ? TAG_BYTES : 0), last)
    const number = pieces
    pieces += 1
    lines = []
    length = 0
    await send(Buffer.concat([frame, fileKey ? encrypt(fileKey, number, aad(head, frame), packed) : packed]))
  }
  lines = []
  return {
    async line(text) {
      lines.push(text, '\n')
      length += text.length + 1
      if (length >= PIECE_BYTES) await flush(false)
    },
    async end() {
      await flush(true)
      return written
    },
  }
}

/** Reads up to `length` bytes; fewer: the end. */
export type ReadBytes = (length: number) => Uint8Array

/** The lines of a file. It is read at once where a line is asked for, so that a unit can. @throws DumpError */
export function* dumpFileLines(read: ReadBytes, key: Uint8Array | null): Generator<string, void> {
  const head = readHead(read)
  const fileKey = keyFor(head, key)
  let rest = ''
  for (let number = 0, last = false; !last; number += 1) {
    const frame = read(4)
    if (frame.length < 4) throw cutOff()
    const word = Buffer.from(frame).readUInt32BE()
    last = word >>> 31 === 1
    const length = word & 0x7fffffff
    if (length > MOST_PIECE_BYTES) throw damaged(number)
    const body = read(length)
    if (body.length < length) throw cutOff()
    rest += unpack(fileKey ? decrypt(fileKey, number, aad(head, frame), body) : body, number)
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    // Pieces of nothing but one line would unpack to more than any memory holds.
    if (rest.length > MOST_PIECE_BYTES) throw damaged(number)
    yield* lines
  }
  if (rest !== '' || read(1).length > 0)
    throw new DumpError('There is something behind the end of the backup: use the file as it was written.')
}

function readHead(read: ReadBytes): string {
  let head = ''
  while (!head.endsWith('\n')) {
    const [byte] = read(1)
    if (byte === undefined || head.length >= LONGEST_HEAD) throw notOurs()
    head += String.fromCharCode(byte)
  }
  const [magic, version = ''] = head.trimEnd().split(' ')
  // What is quoted of it below must not speak to a terminal.
  if (magic !== MAGIC || !/^[\x20-\x7e]*\n$/.test(head)) throw notOurs()
  if (version !== VERSION)
    throw new DumpError(`The backup is of format ${version}, and this program knows ${VERSION}: upgrade Countersign.`)
  return head
}

/** null: the file is plain. */
function keyFor(head: string, key: Uint8Array | null): Uint8Array | null {
  const [, , cipher, salt = '', id] = head.trimEnd().split(' ')
  if (cipher === 'plain') {
    // Else whoever can replace the file could do without the key.
    if (key) throw new DumpError('The backup is not encrypted, though a key is named: say --plain instead of it to use it all the same.')
    return null
  }
  if (cipher !== 'aes-256-gcm') throw notOurs()
  if (!key) throw new DumpError('The backup is encrypted: name its key with --key-file FILE or COUNTERSIGN_BACKUP_KEY.')
  if (id !== keyId(key)) throw new DumpError(`The backup is encrypted with another key: name the one whose id is ${id}.`)
  return fileKeyOf(key, Buffer.from(salt, 'base64url'))
}

/** Tells keys apart and says nothing about them. */
export function keyId(key: Uint8Array): string {
  return createHash('sha256')
    .update(derived(key, new Uint8Array(), 'countersign backup key id'))
    .digest('hex')
    .slice(0, 16)
}

function fileKeyOf(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return derived(key, salt, 'countersign backup 1')
}

function derived(key: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, KEY_BYTES))
}

function frameHead(length: number, last: boolean): Buffer {
  const frame = Buffer.alloc(4)
  frame.writeUInt32BE((length | (last ? 0x80000000 : 0)) >>> 0)
  return frame
}

function aad(head: string, frame: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(head), frame])
}

/** Each file has its own key, so that a number is used once with it. */
function nonce(number: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64BE(BigInt(number), 4)
  return bytes
}

function encrypt(key: Uint8Array, number: number, bound: Uint8Array, packed: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce(number)).setAAD(bound)
  return Buffer.concat([cipher.update(packed), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Uint8Array, number: number, bound: Uint8Array, body: Uint8Array): Uint8Array {
  if (body.length < TAG_BYTES) throw damaged(number)
  const cut = body.length - TAG_BYTES
  const cipher = createDecipheriv('aes-256-gcm', key, nonce(number), { authTagLength: TAG_BYTES })
  cipher.setAAD(bound).setAuthTag(body.subarray(cut))
  try {
    return Buffer.concat([cipher.update(body.subarray(0, cut)), cipher.final()])
  } catch {
    throw damaged(number)
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function unpack(packed: Uint8Array, number: number): string {
  try {
    return UTF8.decode(zstdDecompressSync(packed, { maxOutputLength: MOST_PIECE_BYTES }))
  } catch {
    throw damaged(number)
  }
}

function notOurs(): DumpError {
  return new DumpError('The file is no backup of Countersign: name one that `countersign backup` wrote.')
}

function cutOff(): DumpError {
  return new DumpError('The backup is cut off before its end: use another copy of it.')
}

function damaged(number: number): DumpError {
  return new DumpError(`The backup was changed or damaged (piece ${number + 1}): use another copy of it.`)
}
