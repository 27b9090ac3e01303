// The one place that decides what leaves when something went wrong: a refusal as it is, a malfunction without its inside.

import { JoseError } from '@countersign/protocol/jose/error'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { PasswordQueueFull } from '../issue/password.ts'
import { StoreUnavailable } from '../model/store.ts'

/** Where the operator's voice of an error goes. @param requestId of the request that met it, if one did */
export type Report = (error: unknown, what: string, requestId?: string) => void

const RETRY_SECONDS = 5

/** What the caller may read of any error; malfunctions are reported to the operator first. */
export function refusalOf(error: unknown, report: Report): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof PasswordQueueFull) return unavailable('Too many sign-ins are being checked now.', error)
  if (error instanceof StoreUnavailable) {
    report(error, 'the store is not available')
    return unavailable('The server cannot reach its storage now.', error)
  }
  if (error instanceof JoseError && error.code === 'key_unavailable') {
    report(error, 'the signing keys are not available')
    return unavailable('The server cannot reach its keys now.', error)
  }
  report(error, 'an unexpected error')
  return new OAuthError('server_error', 'The server met an unexpected condition.', { cause: error })
}

function unavailable(sentence: string, cause: unknown): OAuthError {
  return new OAuthError('temporarily_unavailable', `${sentence} Try again in ${RETRY_SECONDS} seconds.`, {
    retryAfter: RETRY_SECONDS,
    cause,
  })
}
