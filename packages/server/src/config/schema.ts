// The schema of a configuration (zod), and its mistakes as sentences. Shape only: what names refer to is checked by the resolvers.
// Loaded only when there is a configuration to check: it costs 50 ms that the demo need not wait for.
import type { Problem } from '@countersign/protocol/dialect/shape'
import { json } from '@countersign/protocol/dialect/shape'
import { z } from 'zod'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../model/realm.ts'
import { isTimeZone } from '../model/window.ts'
import { byteSize } from './byte_size.ts'
import { ConfigError } from './error.ts'
import { GRANT_NAMES } from './grant_name.ts'
import type { ConfigInput } from './input.ts'
import { lifetime } from './lifetime.ts'
import { MOST_UNITS } from './plan.ts'
import { schemaLines } from './schema_error.ts'
import { listen, withoutDatabase } from './schema_listen.ts'
import {
  addresses,
  apiKeyId,
  displayName,
  end,
  host,
  id,
  identifier,
  object,
  path,
  scope,
  seconds,
  secret,
  secretRef,
  text,
  url,
  whole,
} from './schema_words.ts'

/** @throws ConfigError with one line for each mistake */
export function checkInput(input: unknown): ConfigInput {
  const result = configSchema.safeParse(input)
  if (!result.success) throw new ConfigError(schemaLines(result.error.issues, input))
  // The schema's optional members may be undefined where ours may only be absent; every reader treats both alike.
  return result.data as ConfigInput
}

const accessTokenLifetime = seconds(MAX_ACCESS_TOKEN_LIFETIME, `at most ${MAX_ACCESS_TOKEN_LIFETIME / 86_400} days`)
const refreshTokenLifetime = seconds(Number.POSITIVE_INFINITY, 'at most 10 years')
function isJson(value: unknown): boolean {
  const problems: Problem[] = []
  json(value, '', problems)
  return problems.length === 0
}

const TAKEN_CLAIMS = new Set(
  'iss sub aud exp iat nbf jti client_id azp scope sid typ act may_act cnf auth_time acr amr preferred_username gty active token_type'.split(
    ' ',
  ),
)
const claims = z.record(
  z.string().refine((name) => !TAKEN_CLAIMS.has(name), { error: 'is set by the server: leave it out' }),
  z.unknown().refine(isJson, { error: 'must be a JSON value, at most 8 levels deep' }),
)

const apiKey = object({
  id: apiKeyId.optional(),
  key: secret,
  displayName: displayName.optional(),
  expiresAt: end.optional(),
  addresses: addresses.min(1, { error: 'must have an entry; leave it out for every address' }).optional(),
})

const grants = z.array(z.enum(GRANT_NAMES))
const MOST_RULES = 100
const rules = <Rule extends z.ZodType>(rule: Rule) => z.array(rule).max(MOST_RULES, { error: `must have at most ${MOST_RULES} entries` })

const MOST_RATES = 5
const timeZone = z.string().refine(isTimeZone, { error: 'must be the IANA name of a time zone, like Europe/Lisbon' })
const mode = z.enum(['enforce', 'warn'])
const warnAt = z.array(whole(1, 100))
const rate = object({
  limit: whole(1, 1_000_000),
  per: seconds(86_400, 'at most 1 day').optional(),
  burst: whole(1, 1_000_000).optional(),
})
const units = z.number().refine((value) => Number.isInteger(value) && value >= 0 && value <= MOST_UNITS, {
  error: `must be a whole number from 0 to ${MOST_UNITS}`,
})
const volume = z.union([units, object({ limit: units, timeZone: timeZone.optional(), mode: mode.optional(), warnAt: warnAt.optional() })])

const plan = object({
  tokens: object({
    limit: whole(0, 1_000_000_000),
    per: z.enum(['month', 'day', 'hour']).optional(),
    timeZone: timeZone.optional(),
    mode: mode.optional(),
    warnAt: warnAt.optional(),
  }).optional(),
  rate: rate.optional(),
  requests: object({
    rates: z
      .array(rate)
      .max(MOST_RATES, { error: `must have at most ${MOST_RATES} entries` })
      .optional(),
    perDay: volume.optional(),
    perMonth: volume.optional(),
    concurrency: whole(1, 1_000_000).optional(),
    mode: mode.optional(),
    withoutLedger: z.enum(['deny', 'allow']).optional(),
  }).optional(),
})

const reuse = z.custom<boolean | number>((value) => typeof value === 'boolean' || (typeof value === 'number' && value > 0 && value <= 1), {
  error: 'must be true, false or the share of its life a token must still have, above 0 and at most 1',
})

const exchange = object({
  subjectClients: z.array(z.string()).min(1, { error: 'must have an entry; leave it out for every client' }).optional(),
  actorScope: scope.optional(),
  audiences: z.array(identifier).min(1, { error: "must have an entry; leave it out for the client's" }).optional(),
  scopes: z.array(scope).optional(),
})

const workload = object({
  issuer: z.string(),
  subject: text(/^[^\p{Cc}]{1,512}$/u, 'a text of 1 to 512 characters'),
  claims: z.record(text(/^[^\p{Cc}]{1,256}$/u, 'named by 1 to 256 characters'), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

const trustedIssuer = object({ issuer: url, jwksUri: url.optional(), audience: identifier.optional() })

const rotationTime = z.custom<number | string>((value) => lifetime(value) >= 60, {
  error: "must be whole seconds or a text like '12h' or '30d', at least 1 minute and at most 10 years",
})
const keyRotation = object({
  every: z
    .custom<number | string | false>((value) => value === false || lifetime(value) >= 60, {
      error: "must be false, whole seconds or a text like '12h' or '30d', at least 1 minute and at most 10 years",
    })
    .optional(),
  publishAhead: rotationTime.optional(),
})

const jwks = object({
  // Each is read as a key where it is resolved. What is wrong with one is told without quoting it: it may be a private key.
  keys: z.array(z.unknown()).min(1, { error: 'must have an entry' }).max(20, { error: 'must have at most 20 entries' }),
})

const client = object({
  clientId: text(/^[\x21-\x7e]{1,128}$/, 'a text of 1 to 128 visible ASCII characters'),
  displayName: displayName.optional(),
  secret: secretRef('env', 'file', 'hash').optional(),
  secrets: z.array(secret).optional(),
  public: z.boolean().optional(),
  authMethods: z
    .array(z.enum(['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none']))
    .min(1, { error: 'must have an entry' })
    .optional(),
  jwks: jwks.optional(),
  jwksUri: url.optional(),
  grants: grants.optional(),
  scopes: z.array(scope).optional(),
  defaultScopes: z.array(scope).optional(),
  audiences: z.array(identifier).optional(),
  defaultAudience: identifier.nullable().optional(),
  tokenFormat: z.enum(['jwt', 'opaque']).optional(),
  accessTokenLifetime: accessTokenLifetime.optional(),
  plan: plan.optional(),
  reuse: reuse.optional(),
  exchanges: rules(exchange).optional(),
  workloads: rules(workload).optional(),
  dpop: z.enum(['optional', 'required']).optional(),
  introspects: z.boolean().optional(),
  apiKeys: z.array(apiKey).optional(),
})

const user = object({
  id: text(/^[\x21-\x7e]{1,128}$/, 'a text of 1 to 128 visible ASCII characters').optional(),
  username: text(/^[^\p{Cc}]{1,256}$/u, 'a text of 1 to 256 characters'),
  password: secret,
  claims: claims.optional(),
})

const realm = object({
  id,
  displayName: displayName.optional(),
  issuer: url.optional(),
  hosts: z.array(host).optional(),
  dialects: z
    .array(z.union([z.string(), z.record(z.string(), z.unknown())]))
    .min(1, { error: 'must have an entry' })
    .optional(),
  verbatim: z.boolean().optional(),
  algorithm: z.string().optional(),
  grants: grants.optional(),
  scopes: z.array(scope).optional(),
  audiences: z.array(z.union([identifier, object({ identifier, scopes: z.array(scope).optional() })])).optional(),
  accessTokenLifetime: accessTokenLifetime.optional(),
  refreshTokenLifetime: refreshTokenLifetime.optional(),
  plan: plan.optional(),
  reuse: reuse.optional(),
  trustedIssuers: rules(trustedIssuer).optional(),
  keyRotation: keyRotation.optional(),
  clients: z.array(client),
  users: z.array(user).optional(),
})

const route = object({
  methods: z
    .array(text(/^[A-Za-z]{1,20}$/, 'a method like GET'))
    .min(1, { error: 'must have an entry; leave it out for every method' })
    .optional(),
  path: text(/^\/[\x21-\x7e]{0,1023}$/, 'a path like /orders/:id or /orders/*'),
  scopes: z.array(scope).optional(),
  cost: whole(0, 1_000_000).optional(),
})

const api = object({
  id,
  realm: z.string(),
  hosts: z.array(host).optional(),
  prefix: text(/^(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9._~-]+)+$/, 'a path like /apis/orders').optional(),
  upstream: url,
  audience: identifier.optional(),
  apiKey: z.enum(['off', 'optional', 'required']).optional(),
  routes: z.array(route).optional(),
  otherwise: z.enum(['authenticated', 'deny']).optional(),
  credentials: z.enum(['pass', 'strip']).optional(),
  assertion: z.boolean().optional(),
  maxBodyBytes: z
    .custom<number | string>((value) => !Number.isNaN(byteSize(value)), {
      error: "must be whole bytes or a text like '512kb', '10mb' or '1gb', at least 1 and at most 1tb; leave it out for no limit",
    })
    .optional(),
  timeout: seconds(86_400, 'at most 1 day').optional(),
  retries: whole(0, 5).optional(),
  healthPath: text(/^\/[\x21\x22\x24-\x7e]{0,1023}$/, 'a path like /health').optional(),
  forwardAuth: z.union([z.boolean(), object({ secret: secret.optional() })]).optional(),
})

const configSchema = object({
  publicUrl: url.optional(),
  listen: listen.optional(),
  data: path.optional(),
  database: url.optional(),
  masterKey: secretRef('env', 'file').optional(),
  withoutDatabase: withoutDatabase.optional(),
  audit: object({ tokens: z.boolean().optional(), keep: seconds(Number.POSITIVE_INFINITY, 'at most 10 years').optional() }).optional(),
  log: object({ requests: z.boolean().optional() }).optional(),
  telemetry: object({ traces: z.boolean().optional(), traceparent: z.enum(['proxies', 'anybody']).optional() }).optional(),
  realms: z.array(realm).min(1, { error: 'must have an entry: `countersign init` writes a first one' }),
  apis: z.array(api).optional(),
})
