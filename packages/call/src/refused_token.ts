// The second try of the adapters that do not call fetch: whether an answer refuses the token, and whether another is worth asking for.
import { readChallenges } from '@countersign/protocol/oauth/www_authenticate'
import type { Client } from './client.ts'

export type Authorizer = Pick<Client, 'headers' | 'token' | 'invalidate'>

/** Credentials for one request. */
export interface Shown {
  readonly accessToken: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

export interface SecondTry {
  /** @throws OriginNotAllowed, TokenRequestFailed, DiscoveryFailed */
  readonly show: (url: URL, method: string) => Promise<Shown>
  /** True if the request is worth repeating: the token was given up, or another has taken its place. */
  readonly giveUp: (accessToken: string) => Promise<boolean>
}

/**
 * A token that replaced a refused one is not given up in its turn: it lives its life. So an API that refuses everything costs at
 * most one token more in each lifetime, without a clock.
 */
export function createSecondTry(client: Authorizer): SecondTry {
  let replacement: string | undefined
  return {
    async show(url, method) {
      const headers = await client.headers(url, method)
      const { accessToken } = await client.token()
      return { accessToken, headers }
    },
    async giveUp(accessToken) {
      if (accessToken === replacement) return (await client.token()).accessToken !== accessToken
      await client.invalidate(accessToken)
      replacement = (await client.token()).accessToken
      return replacement !== accessToken
    },
  }
}

/** RFC 6750 section 3.1: a 401 whose challenge says that the token, and not something else, is the matter. */
export function refusesToken(status: number, challenge: string | readonly string[] | undefined): boolean {
  if (status !== 401 || challenge === undefined) return false
  const field = typeof challenge === 'string' ? challenge : challenge.join(', ')
  return readChallenges(field).some(({ parameters }) => parameters.get('error') === 'invalid_token')
}
