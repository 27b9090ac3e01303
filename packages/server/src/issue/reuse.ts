// The same token again: a repeated request gets the token it already has while enough of its life is left. It costs nothing, and no bearer is
// stored for it: what the token says is kept, and signed anew.
import { hash } from 'node:crypto'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { Grantable } from '../model/authorization.ts'
import type { Client } from '../model/client.ts'
import type { Realm } from '../model/realm.ts'

/** Raised when what the claims of a token mean changes, so that no token of before is served again. */
const CLAIMS_VERSION = 1

export interface Order {
  readonly grantable: Grantable
  /** Id of the secret that the client proved itself with; null where it has none. */
  readonly credential: string | null
}

/** Share of its life that a token must still have; undefined: this request must get a fresh one. */
export function reusableShare(realm: Realm, { authorization }: Grantable): number | undefined {
  const { client, refresh, exchange } = authorization
  const { share } = client.reuse ?? realm.reuse
  // A refresh token and an opaque token cannot be told again: they are not kept. An exchanged token hangs on the life of another.
  if (share === 'off' || refresh !== 'none' || exchange || client.tokenFormat !== 'jwt') return undefined
  return share
}

/**
 * One name for all that shapes a token: client and what it may, the secret it used, subject, scope, audience, format, binding, dialect, the key
 * that signs, the version of the claims. Whatever changes one of them cuts the reuse.
 */
export function meaningOf(realm: Realm, dialect: CompiledDialect, { grantable, credential }: Order, kid: string): string {
  const { authorization, scope, audience, binding } = grantable
  const { client, subject } = authorization
  const parts = [
    CLAIMS_VERSION,
    print(realm),
    print(client),
    credential,
    subject.kind === 'user' ? [subject.user.id, subject.user.username] : null,
    [...scope].sort(),
    [...audience].sort(),
    binding,
    dialect.name,
    kid,
  ]
  return sha256(JSON.stringify(parts))
}

/** Fingerprints of configured things, by the object: the directory keeps them as they are while nothing changes. */
const prints = new WeakMap<Client | Realm, string>()

function print(thing: Client | Realm): string {
  const known = prints.get(thing)
  if (known !== undefined) return known
  const made = sha256(JSON.stringify(thing))
  prints.set(thing, made)
  return made
}

function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}
