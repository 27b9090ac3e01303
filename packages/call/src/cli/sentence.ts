// Whatever went wrong as one sentence with its mend. Errors of this package hold no credential; of others only a system code is taken.
import { TokenRequestFailed } from '../errors.ts'
import { systemCode } from '../provider_exchange.ts'

export function sentence(error: unknown): string {
  if (error instanceof TokenRequestFailed) {
    const later = error.retryAfter === undefined ? '' : `Try again in ${error.retryAfter} s.`
    return [ended(error.message), mendOf(error) ?? '', later].filter((part) => part !== '').join(' ')
  }
  if (error instanceof TypeError && systemCode(error) !== '')
    return `The API cannot be reached${systemCode(error)}: check the URL and the network.`
  return error instanceof Error && error.message !== '' ? error.message : 'It failed without a word of why.'
}

/** What a provider says may end as it likes. */
function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

export function mendOf({ code }: TokenRequestFailed): string | undefined {
  return MENDS[code]
}

const MENDS: Readonly<Record<string, string>> = {
  unreachable: 'Check that the address is right and the server is running.',
  timeout: 'Try again, or check the network in between.',
  invalid_client: 'Check client id and client secret (CALLSIGN_CLIENT_ID and CALLSIGN_CLIENT_SECRET, or those of the profile).',
  invalid_grant: 'Check user name and password (CALLSIGN_USERNAME and CALLSIGN_PASSWORD), or sign in again with callsign login.',
  invalid_scope: 'Ask for fewer scopes with --scope.',
  invalid_target: 'Check --audience and --resource.',
  unauthorized_client: 'Ask the provider to allow this client the grant.',
  authorization_refused: 'Sign in again with callsign login.',
}
