// The five providers of the integration pages as ClientOptions: where their endpoints are, how they speak, where their API lives.
// Everything not said here is an option of ClientOptions and may be given along.
import { auth0 } from '@countersign/protocol/dialect/builtin/auth0'
import { keycloak } from '@countersign/protocol/dialect/builtin/keycloak'
import { webcommander as webcommanderDialect } from '@countersign/protocol/dialect/builtin/webcommander'
import { clientDialect } from '@countersign/protocol/dialect/client'
import type { Dialect } from '@countersign/protocol/dialect/dialect'
import { endpointPaths } from '@countersign/protocol/dialect/paths'
import type { ClientOptions, Secret } from './client_options.ts'
import { ConfigurationError } from './errors.ts'
import { checkEndpoint } from './origin.ts'

/** What every preset takes besides its credentials. */
export interface PresetOptions
  extends Omit<ClientOptions, 'clientId' | 'clientSecret' | 'username' | 'password' | 'grant' | 'dialect' | 'issuer'> {
  /** Another host that serves the realm the way Countersign mounts it, for instance `http://127.0.0.1:8080`: endpoints and API both. */
  readonly baseUrl?: string
}

export interface ConfidentialOptions extends PresetOptions {
  readonly clientId: string
  readonly clientSecret: Secret
}

/** Willba: client_credentials at `https://auth.willba.app`. @param options.realm the `{realm-name}` of the page; default `willba`. */
export function willba({ realm = 'willba', ...options }: ConfidentialOptions & { readonly realm?: string }): ClientOptions {
  return preset(keycloak, realm, { auth: 'https://auth.willba.app', api: 'https://api.willba.app' }, options)
}

/** Wych's two headers on each call: `x-api-key`, and `authorisation` with `bearer` as its page spells them. */
export const WYCH_DIALECT: Dialect = {
  ...keycloak,
  name: 'wych',
  presentation: {
    token: [
      { header: 'authorisation', scheme: 'bearer' },
      { header: 'authorization', scheme: 'Bearer' },
    ],
    api_key: [{ header: 'x-api-key', scheme: null }],
  },
}

/** Wych: client_credentials at `https://login.wych.app`, realm `partner`, and an API key. */
export function wych(options: ConfidentialOptions & { readonly apiKey: string }): ClientOptions {
  return preset(WYCH_DIALECT, 'partner', { auth: 'https://login.wych.app', api: 'https://api.wych.app' }, options)
}

/** Wogeez: a user's name and password at `https://auth.wogeez.com`, public client `wogeez-api`. */
export function wogeez(
  options: PresetOptions & { readonly username: string; readonly password: Secret; readonly clientId?: string },
): ClientOptions {
  const place = { auth: 'https://auth.wogeez.com', api: 'https://api.wogeez.com' }
  return preset(keycloak, 'wogeez', place, { clientId: 'wogeez-api', grant: 'password', ...options })
}

/**
 * Wave: client_credentials with the API's audience.
 * @param options.issuerUrl the authorization server that Wave's integration team names; needed unless `baseUrl` or `tokenUrl` is given.
 * @throws ConfigurationError
 */
export function wave({ issuerUrl, ...options }: ConfidentialOptions & { readonly issuerUrl?: string }): ClientOptions {
  if (issuerUrl === undefined && options.baseUrl === undefined && options.tokenUrl === undefined) {
    throw new ConfigurationError("Wave's authorization server differs from customer to customer: set issuerUrl to the one you were given.")
  }
  const place = { auth: issuerUrl ?? WAVE_API, api: WAVE_API }
  return preset(auth0, 'wave', place, { audience: WAVE_API, ...options })
}

/** WebCommander: client and user in one JSON request, tokens shown as `access_token: TOKEN`, with a refresh token. */
export function webcommander({
  redirectUri = 'https://api.webcommander.com/oauth-callback',
  ...options
}: ConfidentialOptions & { readonly username: string; readonly password: Secret; readonly redirectUri?: string }): ClientOptions {
  const place = { auth: 'https://api.webcommander.com', api: 'https://api.webcommander.com' }
  const parameters = { redirect_uri: redirectUri, ...options.parameters }
  return preset(webcommanderDialect, 'webcommander', place, { grant: 'password', ...options, parameters })
}

const WAVE_API = 'https://api.wave.bemobi.com'

interface Place {
  readonly auth: string
  readonly api: string
}

/** What a preset's caller gave, `baseUrl` replaced by what follows from it. */
function preset(
  dialect: Dialect,
  realm: string,
  place: Place,
  { baseUrl, ...options }: Omit<ClientOptions, 'dialect'> & { readonly baseUrl?: string },
): ClientOptions {
  if (!/^[A-Za-z0-9._~-]{1,128}$/.test(realm)) throw new ConfigurationError('realm must be a name of letters, digits and . _ ~ -')
  const rooted = baseUrl === undefined
  const auth = checkEndpoint(baseUrl ?? place.auth, rooted ? 'issuerUrl' : 'baseUrl')
  const endpoint = (name: 'token' | 'revocation'): string | undefined => {
    const path = endpointPaths(dialect, name, realm, rooted)[0]
    return path === undefined ? undefined : auth.origin + auth.pathname.replace(/\/$/, '') + path
  }
  // Only beside the token endpoint of this preset: another one has its revocation elsewhere.
  const revocationUrl = options.tokenUrl === undefined ? endpoint('revocation') : undefined
  const tokenUrl = endpoint('token')
  // A Countersign's own page, which no provider of these pages has at its own host; a public client is told nothing there.
  const countersign = !rooted && options.tokenUrl === undefined && options.clientSecret !== undefined
  const usageUrl = countersign ? `${auth.origin}${auth.pathname.replace(/\/$/, '')}/realms/${realm}/usage` : undefined
  return {
    dialect: clientDialect(dialect),
    apiOrigins: [rooted ? place.api : auth.origin],
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(revocationUrl === undefined ? {} : { revocationUrl }),
    ...(usageUrl === undefined ? {} : { usageUrl }),
    ...options,
  }
}
