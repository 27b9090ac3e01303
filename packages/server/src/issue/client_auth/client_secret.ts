// Client secrets compared with what is stored of them: by hash, in constant time, the same work for a client that does not exist.
// How a request carries them: client_secret_basic.ts, client_secret_post.ts.
import { hash, timingSafeEqual } from 'node:crypto'
import { checkCredential } from '@countersign/protocol/oauth/credential'
import type { Client } from '../../model/client.ts'
import type { Presented, Proof } from './method.ts'

export function presentSecret(method: 'client_secret_basic' | 'client_secret_post', clientId: string, secret: string): Presented {
  return { method, clientId, prove: (context, client) => proveSecret(client, secret, context.now()) }
}

interface StoredSecret {
  readonly id: string
  readonly digest: Buffer
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
}

const STORED = new WeakMap<Client, readonly StoredSecret[]>()
const NOBODY: readonly StoredSecret[] = [{ id: '', digest: Buffer.alloc(32), expiresAt: null }]

function proveSecret(client: Client | undefined, secret: string, now: number): Proof {
  const digest = hash('sha256', secret, 'buffer')
  let credential: string | undefined
  for (const stored of client ? storedOf(client) : NOBODY) {
    if (timingSafeEqual(digest, stored.digest) && (stored.expiresAt === null || now < stored.expiresAt)) credential = stored.id
  }
  if (credential !== undefined && client) return { proven: true, credential }
  // Asked only now: a right secret is right, whatever it looks like. The secret alone decides, so a stranger learns nothing.
  if (checkCredential(secret) === 'damaged') return { proven: false, guess: null, sentence: DAMAGED }
  return { proven: false, guess: digest.toString('base64url') }
}

const DAMAGED = 'Client authentication failed: the secret is mistyped or cut short (its checksum does not match).'

function storedOf(client: Client): readonly StoredSecret[] {
  let stored = STORED.get(client)
  if (!stored) {
    stored = client.secrets.map(({ id, hash: text, expiresAt }) => ({ id, digest: digestOf(text), expiresAt }))
    STORED.set(client, stored)
  }
  return stored
}

function digestOf(stored: string): Buffer {
  const digest = Buffer.from(stored.slice('sha256:'.length), 'base64url')
  if (!stored.startsWith('sha256:') || digest.length !== 32) throw new Error('a stored client secret is not a SHA-256 hash')
  return digest
}
