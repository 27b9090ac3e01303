// How a realm's signing keys change by themselves: a successor is published before the schedule wants it to sign, whom it follows is
// retired, and a retired key is removed when nothing it signed can be alive. Each step is safe in any number of processes at once.
import type { Act } from '../../model/audit.ts'
import type { Realm } from '../../model/realm.ts'
import type { SigningKey } from '../../model/signing_key.ts'
import type { SigningKeyStore } from '../../model/store.ts'
import type { MakeKeyOptions } from './make_key.ts'
import { makeSigningKey } from './make_key.ts'
import { isRetired, newestOf, removableAt, signingKeyAt } from './timeline.ts'

/** More keys than these a realm does not get: verifiers and our own reader of JWK Sets have their limits. */
export const MOST_KEYS = 50

export type RotationStep =
  /** Publish a key behind `predecessor`, to sign no sooner than at `notBefore` (epoch seconds). */
  | { readonly kind: 'publish'; readonly predecessor: string; readonly notBefore: number }
  | { readonly kind: 'retire'; readonly kid: string }
  | { readonly kind: 'remove'; readonly kid: string }

export type RotatingRealm = Pick<Realm, 'id' | 'algorithm' | 'keyRotation'>

/** What is due at `now`. A realm none of whose keys signs has nothing due: the key ring makes one when it is asked. */
export function rotationSteps(keys: readonly SigningKey[], realm: RotatingRealm, now: number): RotationStep[] {
  const signing = signingKeyAt(keys, realm.algorithm, now)
  if (!signing) return []
  return [
    ...keys.filter((key) => isRemovable(key, now)).map((key): RotationStep => ({ kind: 'remove', kid: key.kid })),
    ...keys.filter((key) => isReplaced(key, signing, realm, now)).map((key): RotationStep => ({ kind: 'retire', kid: key.kid })),
    ...successor(keys, realm, now),
  ]
}

export interface RotationOptions extends Pick<MakeKeyOptions, 'masterKey' | 'random' | 'now'> {
  readonly realm: RotatingRealm
  readonly store: SigningKeyStore
}

/** Takes the steps that are due; true if anything was changed. Called from time to time: what fails is due again the next time. */
export async function rotateKeys(options: RotationOptions): Promise<boolean> {
  return (await rotateWhenDue(options)).changed
}

/** From when and until when nothing is due while the keys are as they are: `from` <= now < `until`, epoch seconds. */
export interface Standing {
  readonly from: number
  readonly until: number
}

/** As `rotateKeys`. `standing` is undefined where something was due. */
export async function rotateWhenDue(options: RotationOptions): Promise<{ changed: boolean; standing: Standing | undefined }> {
  const { realm, store, now } = options
  const keys = await store.list(realm.id)
  const at = now()
  const steps = rotationSteps(keys, realm, at)
  if (steps.length === 0) return { changed: false, standing: standingOf(keys, realm, at) }
  let changed = false
  for (const step of steps) if (await take(step, options)) changed = true
  return { changed, standing: undefined }
}

/** Between two of the moments at which `rotationSteps` may come to another answer for the same keys. */
export function standingOf(keys: readonly SigningKey[], { keyRotation }: RotatingRealm, now: number): Standing {
  const { every, publishAhead } = keyRotation
  const turns = keys.flatMap((key) => [
    key.activeAt,
    key.activeAt + publishAhead,
    ...(every === null ? [] : [key.activeAt + every - publishAhead]),
    ...[key.retiredAt, removableAt(key)].filter((at) => at !== null),
  ])
  return {
    from: Math.max(Number.NEGATIVE_INFINITY, ...turns.filter((turn) => turn <= now)),
    until: Math.min(Number.POSITIVE_INFINITY, ...turns.filter((turn) => turn > now)),
  }
}

async function take(step: RotationStep, options: RotationOptions): Promise<boolean> {
  const { realm, store, now } = options
  const act = (): Act => ({ at: now(), by: 'server' })
  if (step.kind === 'retire') return store.retire(realm.id, step.kid, now(), act())
  if (step.kind === 'publish') {
    const made = { ...options, realmId: realm.id, algorithm: realm.algorithm }
    const key = await makeSigningKey(made, (at) => Math.max(at + realm.keyRotation.publishAhead, step.notBefore))
    return store.insertNext(key, step.predecessor, act())
  }
  await store.remove(realm.id, step.kid, act())
  return true
}

function isRemovable(key: SigningKey, now: number): boolean {
  const at = removableAt(key)
  return at !== null && at <= now
}

function isReplaced(key: SigningKey, signing: SigningKey, { algorithm, keyRotation }: RotatingRealm, now: number): boolean {
  if (key.kid === signing.kid || isRetired(key, now)) return false
  if (key.algorithm === algorithm) return key.activeAt <= now
  // While a new configuration reaches one server after another, both algorithms sign: retiring the old one at once would have its
  // servers make a new key each time.
  return signing.activeAt + keyRotation.publishAhead <= now
}

function successor(keys: readonly SigningKey[], { algorithm, keyRotation }: RotatingRealm, now: number): RotationStep[] {
  const { every, publishAhead } = keyRotation
  const newest = newestOf(keys, algorithm)
  if (every === null || !newest || keys.length >= MOST_KEYS) return []
  const last = Math.max(...keys.filter((key) => key.algorithm === algorithm && !isRetired(key, now)).map((key) => key.activeAt))
  const notBefore = last + every
  return now >= notBefore - publishAhead ? [{ kind: 'publish', predecessor: newest.kid, notBefore }] : []
}
