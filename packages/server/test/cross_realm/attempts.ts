// Every way to show something of one realm to another: a row a credential and endpoint, which says whether it was taken.
import { secretHash } from '../../src/model/secret_hash.ts'
import { presentation } from '../harness/demo.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { ACCESS_TOKEN } from '../issue/brokers.ts'
import type { Realm } from './alike.ts'
import { assertion, elsewhere, exchange } from './alike.ts'
import { apiKeyIn, passwordIn, proxySecretIn, secretIn, USERNAME } from './realms_alike.ts'

export interface Attempt {
  readonly what: string
  /** What of `theirs` is shown to `at`; where both are one realm it must be taken. */
  readonly show: (theirs: Realm, at: Realm) => Promise<Answer>
  /** Default: the status is 200. */
  readonly taken?: (answer: Answer) => boolean
}

const CC = { grant_type: 'client_credentials' }
const isActive = ({ json }: Answer): boolean => json['active'] === true
const post = (url: string, parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> =>
  postForm(url, parameters, { ...headers, ...elsewhere() })
const get = (url: string, headers: Record<string, string>): Promise<Answer> => send(url, { headers: { ...headers, ...elsewhere() } })
const originOf = ({ places }: Realm): string => new URL(places.token).origin
const dialectHeaders = (at: Realm, token: string): Record<string, string> =>
  presentation(at.id === 'webcommander' ? 'webcommander' : 'willba', token)

/** How a client proves itself. Each by another client: a wrong secret that comes more than five times is told to wait. */
type Proof = (theirs: Realm, at: Realm) => Promise<{ parameters?: Record<string, string>; headers?: Record<string, string> }>
const PROOFS: readonly (readonly [what: string, proof: Proof])[] = [
  ['secret by Basic', async (theirs) => ({ headers: basic('desk', secretIn(theirs.id, 'desk')) })],
  ['secret in the body', async (theirs) => ({ parameters: { client_id: 'till', client_secret: secretIn(theirs.id, 'till') } })],
  ['assertion of a key, for its own realm', async (theirs) => ({ parameters: await assertion(theirs, 'signer', theirs.issuer) })],
  ['assertion of a key, for that realm', async (theirs, at) => ({ parameters: await assertion(theirs, 'signer', at.issuer) })],
  ['assertion of a secret, for its own realm', async (theirs) => ({ parameters: await assertion(theirs, 'hmac', theirs.issuer) })],
  ['assertion of a secret, for that realm', async (theirs, at) => ({ parameters: await assertion(theirs, 'hmac', at.issuer) })],
]

const PROVEN: readonly Attempt[] = PROOFS.flatMap(([what, proof]): Attempt[] => {
  const by = async (theirs: Realm, at: Realm, url: string, more: Record<string, string> = {}): Promise<Answer> => {
    const { parameters = {}, headers = {} } = await proof(theirs, at)
    return post(url, { ...more, ...parameters }, headers)
  }
  return [
    { what: `${what} at token`, show: (theirs, at) => by(theirs, at, at.places.token, CC) },
    { what: `${what} at introspection`, show: (theirs, at) => by(theirs, at, at.places.introspect, { token: at.service.access }) },
    { what: `${what} at revocation`, show: (theirs, at) => by(theirs, at, at.places.revoke, { token: 'of-nobody' }) },
    { what: `${what} at usage`, show: (theirs, at) => by(theirs, at, `${originOf(at)}/realms/${at.id}/usage`) },
  ]
})

const GUARDS: readonly Attempt[] = [
  {
    what: 'secret of a guard at the feed of revocations',
    show: async (theirs, at) => {
      const headers = { ...basic('checker', secretIn(theirs.id, 'checker')), ...elsewhere() }
      const response = await fetch(`${originOf(at)}/realms/${at.id}/revocations`, { headers })
      await response.body?.cancel()
      return { status: response.status, headers: response.headers, json: {}, text: '' }
    },
  },
  {
    what: 'secret of a guard at the search for keys',
    show: (theirs, at) => keyAsked(at, basic('checker', secretIn(theirs.id, 'checker')), apiKeyIn(at.id)),
  },
  {
    what: 'API key at the search for keys',
    show: (theirs, at) => keyAsked(at, basic('checker', secretIn(at.id, 'checker')), apiKeyIn(theirs.id)),
  },
]

function keyAsked(at: Realm, headers: Record<string, string>, key: string): Promise<Answer> {
  return post(`${originOf(at)}/realms/${at.id}/api-key`, { hash: secretHash(key) }, headers)
}

const PERSONS: readonly Attempt[] = [
  {
    what: 'password at token',
    show: (theirs, at) =>
      post(at.places.token, { grant_type: 'password', client_id: 'phone', username: USERNAME, password: passwordIn(theirs.id) }),
  },
]

/** Renewals of one family one after another would end it elsewhere: each has a sign-in of its own at the place that must take it. */
const REFRESHES: readonly Attempt[] = [
  {
    what: 'refresh token of a public client at token',
    show: (theirs, at) => post(at.places.token, { grant_type: 'refresh_token', client_id: 'phone', refresh_token: theirs.person.refresh }),
  },
  {
    what: 'refresh token at token, by that realm’s client',
    show: (theirs, at) =>
      post(at.places.token, { grant_type: 'refresh_token', refresh_token: theirs.opaque.refresh }, basic('till', secretIn(at.id, 'till'))),
  },
]

const PROFILES = ['nginx', 'haproxy', 'caddy', 'traefik', 'envoy'] as const

const KINDS = ['service', 'person', 'opaque', 'exchanged'] as const

const TOKENS: readonly Attempt[] = KINDS.flatMap((kind): Attempt[] => {
  const checker = (at: Realm): Record<string, string> => basic('checker', secretIn(at.id, 'checker'))
  const isOfUser = kind !== 'service'
  return [
    {
      what: `${kind} token at introspection`,
      show: (theirs, at) => post(at.places.introspect, { token: theirs[kind].access }, checker(at)),
      taken: isActive,
    },
    {
      what: `${kind} token at the API`,
      show: (theirs, at) => get(`${originOf(at)}/apis/${at.id}/x`, dialectHeaders(at, theirs[kind].access)),
    },
    ...PROFILES.map((profile) => ({
      what: `${kind} token at forward-auth for ${profile}`,
      show: (theirs: Realm, at: Realm) => forwardAuth(at, at.id, profile, dialectHeaders(at, theirs[kind].access)),
    })),
    ...(isOfUser ? [{ what: `${kind} token at userinfo`, show: (theirs: Realm, at: Realm) => userinfo(theirs[kind].access, at) }] : []),
    ...(isOfUser ? [{ what: `${kind} token as subject`, show: (theirs: Realm, at: Realm) => exchange(at, theirs[kind].access) }] : []),
  ]
})

const userinfo = (token: string, at: Realm): Promise<Answer> => get(at.places.userinfo, presentation('willba', token))

const KEYS: readonly Attempt[] = [
  {
    what: 'API key with that realm’s token where a key is needed',
    show: (theirs, at) => keyed(at, `${at.id}-keyed`, theirs, at),
  },
  {
    what: 'API key with that realm’s token where a key may come',
    show: (theirs, at) => keyed(at, at.id, theirs, at),
  },
  {
    what: 'token with that realm’s API key',
    show: (theirs, at) => keyed(at, `${at.id}-keyed`, at, theirs),
  },
  {
    what: 'API key and token at forward-auth',
    show: (theirs, at) => {
      const headers = { ...dialectHeaders(at, theirs.service.access), 'x-api-key': apiKeyIn(theirs.id) }
      return forwardAuth(at, `${at.id}-keyed`, 'haproxy', headers)
    },
  },
  {
    what: 'secret of the proxy at forward-auth',
    show: (theirs, at) => {
      const headers = { ...dialectHeaders(at, at.service.access), 'x-countersign-proxy-secret': proxySecretIn(theirs.id) }
      return forwardAuth(at, `${at.id}-secured`, 'caddy', headers)
    },
  },
]

function keyed(at: Realm, api: string, keyOf: Realm, tokenOf: Realm): Promise<Answer> {
  const headers = { ...dialectHeaders(at, tokenOf.service.access), 'x-api-key': apiKeyIn(keyOf.id) }
  return get(`${originOf(at)}/apis/${api}/x`, headers)
}

function forwardAuth(at: Realm, api: string, profile: (typeof PROFILES)[number], headers: Record<string, string>): Promise<Answer> {
  const question = {
    'x-original-method': 'GET',
    'x-original-uri': '/x',
    'x-forwarded-method': 'GET',
    'x-forwarded-uri': '/x',
  }
  const url = `${originOf(at)}/realms/${at.id}/forward-auth/${api}/${profile}${profile === 'envoy' ? '/x' : ''}`
  return get(url, { ...question, ...headers })
}

const ACTORS: readonly Attempt[] = [
  {
    what: 'token as actor',
    show: (theirs, at) => exchange(at, at.person.access, { actor_token: theirs.actor.access, actor_token_type: ACCESS_TOKEN }),
  },
]

/** The refresh tokens are last: each is good once. */
export const ATTEMPTS: readonly Attempt[] = [...PROVEN, ...GUARDS, ...PERSONS, ...TOKENS, ...KEYS, ...ACTORS, ...REFRESHES]
