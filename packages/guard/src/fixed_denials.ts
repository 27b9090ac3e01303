// Denials that say nothing of the single request: made when one is first needed, and shared by all requests alike. Ten thousand guards would
// otherwise hold eight each that are never given.

import type { Denier } from './challenge.ts'
import { BOUND } from './challenge.ts'
import type { Deny } from './verdict.ts'

export type FixedDenial = 'missing_token' | 'missing_api_key' | 'client_mismatch' | 'address_not_allowed' | 'repeated' | 'bound' | Passing

/** What may be otherwise soon. */
type Passing = 'cannot_verify' | 'cannot_charge'

export interface FixedDenialOptions {
  /** Whether the guard takes tokens by the scheme DPoP. */
  readonly dpop: boolean
  /** Seconds in `Retry-After` of what passes. */
  readonly retryAfter: number
}

export function createFixedDenials(deny: Denier, options: FixedDenialOptions): (name: FixedDenial) => Deny {
  const made: { [Name in FixedDenial]?: Deny } = {}
  return (name) => {
    const known = made[name] ?? make(name, deny, options)
    made[name] = known
    return known
  }
}

function make(name: FixedDenial, deny: Denier, { dpop, retryAfter }: FixedDenialOptions): Deny {
  if (name === 'repeated') {
    return deny('invalid_request', { detail: 'A header that carries credentials comes more than once.', scheme: 'either' })
  }
  if (name === 'bound') return deny('invalid_token', { detail: boundDetail(dpop), reason: BOUND })
  const passes = name === 'cannot_verify' || name === 'cannot_charge'
  return deny(name, passes ? { headers: { 'retry-after': String(retryAfter) } } : {})
}

function boundDetail(dpop: boolean): string {
  return dpop
    ? 'The token is bound to a key: present it by the scheme DPoP, with a proof.'
    : 'The token is bound to a key and cannot be used as a bearer token.'
}
