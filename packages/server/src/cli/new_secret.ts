// A new secret for a client: made, hashed, and sealed where its check needs the secret itself. Stores nothing.
import { randomBytes } from 'node:crypto'
import { makeCredential } from '@countersign/protocol/oauth/credential'
import { idOf } from '../config/client_auth.ts'
import { NONCE_BYTES, seal } from '../issue/keys/seal.ts'
import type { Client, ClientAuthMethod, ClientSecret } from '../model/client.ts'
import { secretHash } from '../model/secret_hash.ts'
import type { AtRest } from './at_rest.ts'
import { UsageError } from './command.ts'

export interface NewSecret {
  /** Shown once, kept nowhere. */
  readonly text: string
  readonly secret: ClientSecret
}

/** @param expiresAt epoch seconds; null: no end @throws UsageError where no secret would open anything, or the master key is missing */
export function newSecret({ masterKey, act }: Pick<AtRest, 'masterKey' | 'act'>, client: Client, expiresAt: number | null): NewSecret {
  const { realmId, clientId, authMethods } = client
  if (!authMethods.some((method) => BY_SECRET.includes(method)))
    throw new UsageError(`The client ${clientId} authenticates by ${authMethods.join(', ')}: a secret would open nothing.`)
  const text = makeCredential('secret', randomBytes(32))
  const hash = secretHash(text)
  const id = idOf('secret', hash)
  const sealed = authMethods.includes('client_secret_jwt')
    ? sealedFor(`client_secret/${realmId}/${clientId}/${id}`, clientId, text, masterKey)
    : null
  return { text, secret: { id, hash, createdAt: act.at, expiresAt, origin: 'command', sealed } }
}

const BY_SECRET: readonly ClientAuthMethod[] = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt']

function sealedFor(name: string, clientId: string, text: string, masterKey: Uint8Array | null): string {
  if (masterKey) return seal(text, masterKey, name, randomBytes(NONCE_BYTES))
  throw new UsageError(
    `The client ${clientId} has client_secret_jwt, whose secrets are kept under the master key: give the configuration that names it with --config FILE.`,
  )
}
