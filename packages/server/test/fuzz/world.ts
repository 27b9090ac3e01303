// What the fuzzer knows of the servers it shoots at: a good request for every endpoint there is, and values that mean something there.
import type { JWK } from 'jose'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { fill } from '../cross_realm/alike.ts'
import type { Configured } from '../cross_realm/realms_alike.ts'
import { ALIKE, apiKeyIn, KID, passwordIn, proxySecretIn, secretIn, USERNAME } from '../cross_realm/realms_alike.ts'
import type { DemoRealm } from '../harness/demo.ts'
import { accessToken, DEMO_REALMS, presentation, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { basic } from '../harness/http.ts'
import { TYPE as ASSERTION } from '../issue/assertions.ts'
import { ACCESS_TOKEN, GRANT as EXCHANGE } from '../issue/brokers.ts'
import type { Dice } from './dice.ts'
import { awkwardJson } from './values.ts'

export interface Good {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** undefined: no body. */
  readonly parameters?: Readonly<Record<string, string>>
  readonly json?: boolean
  /** Has a person's password checked, which costs a hundred times the rest: sent less often. */
  readonly costly?: boolean
}

export interface World {
  readonly origin: string
  readonly goods: readonly Good[]
  /** Tokens, secrets, names, assertions, proofs. */
  readonly values: readonly string[]
}

const get = (path: string, headers: Record<string, string> = {}): Good => ({ method: 'GET', path, headers })
const post = (path: string, parameters: Record<string, string>, headers: Record<string, string> = {}): Good => ({
  method: 'POST',
  path,
  headers,
  parameters,
})

const QUESTION = { 'x-original-method': 'GET', 'x-original-uri': '/x?y=z', 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/x?y=z' }
const PROFILES = ['nginx', 'haproxy', 'caddy', 'traefik', 'envoy']
const DOCUMENTS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/guard']
const PERSONAL = { grant_type: 'password', username: USERNAME }

/** The five realms of the demo. */
export async function demoWorld(origin: string): Promise<World> {
  const goods: Good[] = [get('/')]
  const values: string[] = []
  for (const realm of DEMO_REALMS) {
    const token = await accessToken(origin, realm)
    values.push(token, realm)
    goods.push(...demoGoods(realm, token))
  }
  return { origin, goods, values }
}

function demoGoods(realm: DemoRealm, token: string): Good[] {
  const path = TOKEN_PATHS[realm]
  const base = path.slice(0, -'/token'.length)
  const { client_id = '', client_secret } = TOKEN_REQUESTS[realm]
  const client = { client_id, ...(client_secret !== undefined && { client_secret }) }
  const shown = presentation(realm, token)
  return [
    { ...post(path, TOKEN_REQUESTS[realm]), json: realm === 'webcommander', costly: realm === 'webcommander' || realm === 'wogeez' },
    post(`${base}/revoke`, { ...client, token: 'of-nobody' }),
    post(base.includes('openid-connect') ? `${path}/introspect` : `${base}/introspect`, { ...client, token }),
    get(realm === 'wave' ? '/realms/wave/userinfo' : `${base}/userinfo`, shown),
    post(`${base}/logout`, client),
    get(`/realms/${realm}/usage`, basic(client_id, client_secret ?? '')),
    get(`${base}/certs`),
    ...DOCUMENTS.map((document) => get(`/realms/${realm}${document}`)),
    get(`/.well-known/oauth-protected-resource/apis/${realm}`),
    get(`/apis/${realm}/orders/17?a=b`, shown),
    post(`/apis/${realm}/orders`, { a: 'b' }, shown),
  ]
}

/** The realms that are alike, with what the demo does not have: forward-auth, keys, assertions, exchange, guards elsewhere. */
export async function alikeWorld(origin: string, { signingKeys }: Configured, dice: Dice): Promise<World> {
  const goods: Good[] = []
  const values: string[] = [USERNAME, ASSERTION, ACCESS_TOKEN, EXCHANGE]
  for (const [id, signingKey] of signingKeys) {
    const realm = await fill(origin, id, signingKey)
    const { service, person, opaque, exchanged, actor } = realm
    const assertions = await odd(dice, { alg: 'ES256', kid: KID, typ: 'JWT' }, signingKey, (jti) => {
      return { iss: 'signer', sub: 'signer', aud: realm.issuer, jti }
    })
    values.push(id, ...[service, person, opaque, exchanged, actor].flatMap(({ access, refresh }) => [access, refresh]), ...assertions)
    const [token = '', introspect = '', userinfo = '', revoke = ''] = [
      realm.places.token,
      realm.places.introspect,
      realm.places.userinfo,
      realm.places.revoke,
    ].map((url) => new URL(url).pathname)
    const secret = (clientId: string): Record<string, string> => basic(clientId, secretIn(id, clientId))
    const exchanging = { grant_type: EXCHANGE, subject_token: person.access, subject_token_type: ACCESS_TOKEN }
    const bearer = { authorization: `Bearer ${service.access}` }
    goods.push(
      post(token, { grant_type: 'client_credentials', scope: 'profile' }, secret('desk')),
      { ...post(token, { ...PERSONAL, client_id: 'phone', password: passwordIn(id) }), costly: true },
      post(token, { grant_type: 'refresh_token', client_id: 'phone', refresh_token: person.refresh }),
      post(token, { ...exchanging, actor_token: actor.access, actor_token_type: ACCESS_TOKEN }, secret('broker')),
      ...assertions.slice(0, 20).map((one) => post(token, asserted(one))),
      post(introspect, { token: opaque.access }, secret('checker')),
      post(introspect, { token: service.access, token_type_hint: 'access_token' }, secret('checker')),
      post(revoke, { token: 'of-nobody', token_type_hint: 'refresh_token' }, secret('desk')),
      get(userinfo, { authorization: `Bearer ${person.access}` }),
      get(`/realms/${id}/usage`, secret('desk')),
      get(`/realms/${id}/revocations`, { ...secret('checker'), 'last-event-id': '1' }),
      post(`/realms/${id}/api-key`, { hash: `sha256:${'A'.repeat(43)}` }, secret('checker')),
      get(`/apis/${id}/x`, { ...bearer, 'x-api-key': apiKeyIn(id) }),
      get(`/apis/${id}-keyed/x`, { access_token: service.access, 'x-api-key': apiKeyIn(id) }),
      ...PROFILES.flatMap((profile) => [
        get(`/realms/${id}/forward-auth/${id}/${profile}${profile === 'envoy' ? '/x' : ''}`, { ...QUESTION, ...bearer }),
        get(`/realms/${id}/forward-auth/${id}-keyed/${profile}/x`, { ...QUESTION, ...bearer, 'x-api-key': apiKeyIn(id) }),
        get(`/realms/${id}/forward-auth/${id}-secured/${profile}`, {
          ...QUESTION,
          ...bearer,
          'x-countersign-proxy-secret': proxySecretIn(id),
        }),
      ]),
      ...DOCUMENTS.map((document) => get(`/realms/${id}${document}`)),
      ...(await proofs(dice, origin + token)).map((dpop) => post(token, { grant_type: 'client_credentials' }, { ...secret('desk'), dpop })),
    )
  }
  if (signingKeys.size !== ALIKE.length) throw new Error('a realm has no key')
  return { origin, goods, values }
}

const asserted = (assertion: string): Record<string, string> => ({
  grant_type: 'client_credentials',
  client_assertion_type: ASSERTION,
  client_assertion: assertion,
})

const ODD = 100

/** Tokens with a good signature and claims that nobody expects: what is looked at only once the signature is right. */
function odd(
  dice: Dice,
  header: Record<string, unknown>,
  key: CryptoKey,
  good: (jti: string) => Record<string, unknown>,
): Promise<string[]> {
  const claim = (): readonly [string, unknown] => [dice.pick(['iss', 'sub', 'aud', 'iat', 'exp', 'nbf', 'jti', 'x']), awkwardJson(dice)]
  return Promise.all(
    Array.from({ length: ODD }, (_, n) => {
      const now = Math.floor(Date.now() / 1000)
      const changes = Object.fromEntries(Array.from({ length: dice.below(3) }, claim))
      const payload = { iat: now, exp: now + 300, ...good(`fuzz-${n}-${dice.below(1e9)}`), ...changes }
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', ...header }).sign(key)
    }),
  )
}

async function proofs(dice: Dice, htu: string): Promise<string[]> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk: JWK = await exportJWK(publicKey)
  return odd(dice, { typ: 'dpop+jwt', jwk }, privateKey, (jti) => ({ htm: 'POST', htu, jti }))
}
