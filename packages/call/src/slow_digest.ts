// A human's password as part of a cache's key: keys are names of files and of entries that others may list, so that a fast digest of a weak
// password could be guessed from them. PBKDF2, RFC 8018; the other secrets are random and need none of this.

import type { Parameters } from '@countersign/protocol/oauth/parameters'

const ITERATIONS = 210_000

/** 256 bits in hex. @param salt what belongs to this password alone */
export async function slowDigest(password: string, salt: string): Promise<string> {
  const encoder = new TextEncoder()
  const key = await crypto.subtle.importKey('raw', encoder.encode(password), 'PBKDF2', false, ['deriveBits'])
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', iterations: ITERATIONS, salt: encoder.encode(salt) },
    key,
    256,
  )
  return Array.from(new Uint8Array(bits), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The parameters with what stands for the password. @param place provider and client, so that no two passwords share a salt */
export async function disguised(named: Parameters, place: readonly unknown[]): Promise<Parameters> {
  const digest = await slowDigest(named.get('password') ?? '', JSON.stringify([...place, named.get('username')]))
  return new Map(named).set('password', digest)
}
