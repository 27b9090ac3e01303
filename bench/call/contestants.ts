// Who is compared as a caller, each as its documentation has it. A contestant gives what a program does before each call of the API:
// the value for Authorization. Where a library keeps no token, three lines around it do, as its documentation suggests.

import { readMachine } from '@countersign/call/caches/machine_env'
import { createFileCache } from '@countersign/call/caches/token_file'

/** Before each call: the Authorization value. */
type Authorize = () => Promise<string>

export interface Caller {
  readonly authorize: Authorize
  /** Resolves when nothing is being renewed behind the caller; without it nothing ever is. */
  readonly settled?: () => Promise<unknown>
}

export interface Place {
  readonly tokenUrl: string
  /** A folder that processes share, empty at the start. */
  readonly folder: string
}

export interface CallerContestant {
  readonly name: string
  /** What it keeps by itself. */
  readonly keeps: string
  readonly start: (place: Place) => Promise<Caller>
}

const CLIENT = { clientId: 'bench', clientSecret: 'bench-secret' }

/** Something that was asked for, and when it ends, in ms. */
interface Kept {
  readonly value: string
  readonly endsAt: number
}

/** The three lines: a variable, and a new token when the one in it has ended. */
function keeping(ask: () => Promise<Kept>): Caller {
  let kept: Kept | undefined
  return {
    async authorize() {
      if (kept === undefined || kept.endsAt <= Date.now()) kept = await ask()
      return kept.value
    },
  }
}

const keptFor = (accessToken: string, seconds: number | undefined): Kept => ({
  value: `Bearer ${accessToken}`,
  endsAt: Date.now() + (seconds ?? 0) * 1000,
})

async function askPlainly(tokenUrl: string): Promise<{ readonly access_token: string; readonly expires_in: number }> {
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: CLIENT.clientId, client_secret: CLIENT.clientSecret })
  const response = await fetch(tokenUrl, { method: 'POST', body })
  return (await response.json()) as { access_token: string; expires_in: number }
}

export const CALLERS: ReadonlyMap<string, CallerContestant> = new Map<string, CallerContestant>([
  [
    'countersign',
    {
      name: 'countersign, file cache',
      keeps: 'one token for all processes of a user',
      async start({ tokenUrl, folder }) {
        const { createClient } = await import('@countersign/call')
        // The simulated month has a clock of its own: time since boot would tell the real one.
        const machine = { ...readMachine(), boot: undefined }
        const clocks = { now: () => Date.now() / 1000, monotonic: () => Date.now() }
        const cache = createFileCache({ folder, machine, ...clocks })
        const renewals: Promise<unknown>[] = []
        const exclusively: typeof cache.exclusively = (key, work) => {
          const renewal = cache.exclusively(key, work)
          renewals.push(renewal)
          return renewal
        }
        const client = createClient({ tokenUrl, ...CLIENT, cache: { ...cache, exclusively }, ...clocks })
        return {
          authorize: async () => (await client.headers())['authorization'] ?? '',
          settled: () => Promise.allSettled(renewals.splice(0)),
        }
      },
    },
  ],
  [
    'openid-client',
    {
      name: 'openid-client',
      keeps: 'nothing',
      async start({ tokenUrl }) {
        const client = await import('openid-client')
        const metadata = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl }
        const config = new client.Configuration(metadata, CLIENT.clientId, CLIENT.clientSecret)
        // oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
        client.allowInsecureRequests(config)
        return keeping(async () => {
          const tokens = await client.clientCredentialsGrant(config)
          return keptFor(tokens.access_token, tokens.expiresIn())
        })
      },
    },
  ],
  [
    'oauth4webapi',
    {
      name: 'oauth4webapi',
      keeps: 'nothing',
      async start({ tokenUrl }) {
        const oauth = await import('oauth4webapi')
        const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl }
        const client = { client_id: CLIENT.clientId }
        const auth = oauth.ClientSecretPost(CLIENT.clientSecret)
        return keeping(async () => {
          // oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
          const options = { [oauth.allowInsecureRequests]: true }
          const response = await oauth.clientCredentialsGrantRequest(server, client, auth, new URLSearchParams(), options)
          const tokens = await oauth.processClientCredentialsResponse(server, client, response)
          return keptFor(tokens.access_token, tokens.expires_in)
        })
      },
    },
  ],
  [
    'simple-oauth2',
    {
      name: 'simple-oauth2',
      keeps: 'nothing; says whether a token has ended',
      async start({ tokenUrl }) {
        const { ClientCredentials } = await import('simple-oauth2')
        const { origin, pathname } = new URL(tokenUrl)
        const client = new ClientCredentials({
          client: { id: CLIENT.clientId, secret: CLIENT.clientSecret },
          auth: { tokenHost: origin, tokenPath: pathname, revokePath: '/revoke' },
        })
        let token: Awaited<ReturnType<typeof client.getToken>> | undefined
        return {
          async authorize() {
            if (token === undefined || token.expired()) token = await client.getToken({})
            return `Bearer ${String(token.token['access_token'])}`
          },
        }
      },
    },
  ],
  [
    'google-auth-library',
    {
      name: 'google-auth-library',
      keeps: 'a token of its own, to 300 s before its end',
      async start({ tokenUrl }) {
        const { OAuth2Client } = await import('google-auth-library')
        const client = new OAuth2Client(CLIENT)
        // Its way to another provider's client_credentials.
        client.refreshHandler = async () => {
          const { access_token, expires_in } = await askPlainly(tokenUrl)
          return { access_token, expiry_date: Date.now() + expires_in * 1000 }
        }
        return { authorize: async () => (await client.getRequestHeaders()).get('authorization') ?? '' }
      },
    },
  ],
  [
    'smithy',
    {
      name: 'AWS, @smithy/core',
      keeps: 'a token of its own, to 300 s before its end',
      async start({ tokenUrl }) {
        const { doesIdentityRequireRefresh, isIdentityExpired, memoizeIdentityProvider } = await import('@smithy/core')
        const provide = async (): Promise<{ readonly token: string; readonly expiration: Date }> => {
          const { access_token, expires_in } = await askPlainly(tokenUrl)
          return { token: access_token, expiration: new Date(Date.now() + expires_in * 1000) }
        }
        const identity = memoizeIdentityProvider(provide, isIdentityExpired, doesIdentityRequireRefresh)
        return { authorize: async () => `Bearer ${(await identity?.())?.token}` }
      },
    },
  ],
])
