// When a realm's signing keys change by themselves, from the operator's words to the model.
import type { KeyRotation } from '../model/realm.ts'
import type { Findings } from './error.ts'
import type { KeyRotationInput } from './input.ts'
import { lifetime } from './lifetime.ts'

const EVERY = '30d'
const PUBLISH_AHEAD = '1d'
/** Seconds. The JWK Set may be cached for five minutes, and by careful verifiers for ten. */
const LEAST_PUBLISH_AHEAD = 600

export function resolveKeyRotation(input: KeyRotationInput | undefined, path: string, { mistakes }: Findings): KeyRotation {
  const { every = EVERY, publishAhead = PUBLISH_AHEAD } = input ?? {}
  const rotation = { every: every === false ? null : lifetime(every), publishAhead: lifetime(publishAhead) }
  if (rotation.every !== null && rotation.publishAhead >= rotation.every) {
    const said = input?.publishAhead === undefined ? `is ${PUBLISH_AHEAD} when it is not given, and ` : ''
    mistakes.push({
      path: `${path}.keyRotation.publishAhead`,
      message: `${said}must be shorter than every: a key is published before it signs`,
    })
  }
  if (rotation.publishAhead < LEAST_PUBLISH_AHEAD)
    mistakes.push({
      path: `${path}.keyRotation.publishAhead`,
      message: `must be at least ${LEAST_PUBLISH_AHEAD / 60} minutes: so long may verifiers keep the JWK Set they have`,
    })
  return rotation
}
