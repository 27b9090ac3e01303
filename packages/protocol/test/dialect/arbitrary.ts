// Dialect documents nobody thought of: valid by construction, different in every word a document can say. For property tests.
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import type {
  Carrier,
  Composite,
  Dialect,
  EndpointName,
  ErrorDialect,
  ErrorSource,
  GrantRule,
  Member,
  TokenRequestDialect,
  TokenResponseDialect,
  TokenSource,
} from '@countersign/protocol/dialect/dialect'
import { ENDPOINT_NAMES } from '@countersign/protocol/dialect/dialect'
import { OAUTH_ERRORS } from '@countersign/protocol/oauth/error'
import fc from 'fast-check'

// With an x in front no name is one of ours.
const wireName = fc.stringMatching(/^[!-~]{0,12}$/).map((text) => `x${text}`)
const memberName = fc.stringMatching(/^[ -~]{0,12}$/).map((text) => `x${text}`)
const wireNames = (count: number) => fc.uniqueArray(wireName, { minLength: count, maxLength: count })
const memberNames = (count: number) => fc.uniqueArray(memberName, { minLength: count, maxLength: count })
const envelope = fc.option(memberName)
const sometimes = <T>(value: T) => fc.constantFrom<readonly T[]>([], [value])

const RENAMABLE = ['grant_type', 'client_id', 'client_secret', 'refresh_token', 'scope', 'audience', 'resource', 'username', 'password']

const renames = fc
  .tuple(fc.subarray(RENAMABLE), wireNames(RENAMABLE.length), fc.boolean())
  .map(([names, words, swapped]): Record<string, string> => {
    const renamed = names.map((name, index) => [name, words[index] ?? name])
    return { ...Object.fromEntries(renamed), ...(swapped ? { scope: 'audience', audience: 'scope' } : {}) }
  })

const composite = (parameter: string, members: readonly string[]) =>
  fc.record<Composite>({
    parameter: fc.constant(parameter),
    encoding: fc.constantFrom('base64', 'text'),
    members: fc.constant(members),
    separator: fc.stringMatching(/^[ -~]{1,4}$/),
  })

const composites = fc
  .tuple(fc.option(composite('y_user', ['username', 'password'])), fc.option(composite('y_client', ['client_id', 'client_secret'])))
  .map((all) => all.filter((one) => one !== null))

const DISGUISED: GrantRule = { grant_type: 'client_credentials', needs: ['username', 'password'], is: 'password', required: true }

const grants = fc
  .tuple(fc.subarray(['client_credentials', 'password', 'refresh_token']), wireNames(3), sometimes(DISGUISED), fc.boolean())
  .map(([names, words, disguised, required]): GrantRule[] => [
    ...disguised,
    ...names.map((is, index) => ({ grant_type: words[index] ?? is, needs: [], is, required })),
  ])

const tokenRequest = fc.record<TokenRequestDialect>({
  encodings: fc.constantFrom<TokenRequestDialect['encodings']>(['form'], ['json'], ['form', 'json'], ['json', 'form']),
  client_auth: fc.shuffledSubarray<TokenRequestDialect['client_auth'][number]>(
    ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'client_secret_jwt', 'none'],
    { minLength: 1 },
  ),
  parameters: renames,
  composites,
  ignored: sometimes('z_ignored'),
  grants,
})

const constants = memberNames(2).map((names) =>
  names.map((name, index) => ({ name: `c${name}`, constant: [index, { deep: [null, 'é'] }] })),
)
const hidden = fc.constantFrom<{ verbatim?: 'omit' | 'only' }>({}, {}, {}, { verbatim: 'omit' }, { verbatim: 'only' })

const TOKEN_SOURCES: readonly TokenSource[] = [
  'access_token',
  'token_type',
  'expires_in',
  'refresh_token',
  'refresh_expires_in',
  'scope',
  'issued_token_type',
]

const tokenMembers = fc
  .record({
    names: memberNames(7),
    hiding: fc.array(hidden, { minLength: 7, maxLength: 7 }),
    asText: fc.boolean(),
    asList: fc.boolean(),
    absent: fc.boolean(),
  })
  .map(({ names, hiding, asText, asList, absent }) =>
    TOKEN_SOURCES.map(
      (from, index): Member<TokenSource> => ({
        name: names[index] ?? from,
        from,
        ...(from === 'access_token' ? {} : hiding[index]),
        ...(asText && from.endsWith('expires_in') ? { as: 'text' } : {}),
        ...(asList && from === 'scope' ? { as: 'list' } : {}),
        ...(absent && from.startsWith('refresh') ? { absent: from === 'refresh_token' ? 'none' : 0 } : {}),
      }),
    ),
  )

const shuffled = <T>(members: readonly T[]) => fc.shuffledSubarray([...members], { minLength: members.length })

const tokenResponse = fc.record<TokenResponseDialect>({
  envelope,
  members: fc.tuple(tokenMembers, constants).chain(([members, more]) => shuffled<Member<TokenSource>>([...members, ...more])),
})

const ERROR_SOURCES: readonly ErrorSource[] = ['error', 'error_description', 'status']
const CODES = Object.keys(OAUTH_ERRORS)

const error = fc.record<ErrorDialect>({
  envelope,
  members: fc
    .tuple(memberNames(3), constants, fc.boolean())
    .chain(([names, more, asText]) =>
      shuffled<Member<ErrorSource>>([
        ...ERROR_SOURCES.map(
          (from, index): Member<ErrorSource> => ({ name: names[index] ?? from, from, ...(asText ? { as: 'text' } : {}) }),
        ),
        ...more,
      ]),
    ),
  statuses: fc.dictionary(fc.constantFrom(...CODES), fc.integer({ min: 400, max: 599 }), { noNullPrototype: true }),
  codes: fc
    .tuple(fc.subarray(CODES), fc.uniqueArray(fc.integer({ min: 1, max: 9999 }), { minLength: CODES.length, maxLength: CODES.length }))
    .map(([codes, numbers]) => Object.fromEntries(codes.map((code, index) => [code, `${numbers[index]}`]))),
})

const scheme = fc.option(fc.constantFrom('Bearer', 'Token', 'x-y', 'APIKEY'))
const carriers = (headers: readonly string[], least: number) =>
  fc.uniqueArray(fc.record<Carrier>({ header: fc.constantFrom(...headers), scheme }), {
    minLength: least,
    maxLength: 4,
    selector: (one) => `${one.header} ${one.scheme?.toLowerCase()}`,
  })

const endpoints = fc
  .tuple(fc.subarray([...ENDPOINT_NAMES]), fc.stringMatching(/^[a-zA-Z0-9_~-]{1,8}$/), fc.boolean())
  .map(([names, base, absolute]) => {
    const path = (name: EndpointName) => `${absolute ? '/of/{realm}' : ''}/${base}/${name}${name === 'pem' ? '/{kid}.pem' : ''}`
    return {
      mount: absolute ? ('absolute' as const) : ('prefixed' as const),
      endpoints: { ...Object.fromEntries(names.map((name) => [name, [path(name), `${path(name)}.old`]])), token: [path('token')] },
    }
  })

/** A Dialect document, in plain JSON. */
export const dialectDocument: fc.Arbitrary<Dialect> = fc
  .record({
    name: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    verbatim: fc.boolean(),
    place: endpoints,
    token_request: tokenRequest,
    token_response: tokenResponse,
    error,
    presentation: fc.record({
      token: carriers(['authorization', 'access_token', 'x-session'], 1),
      api_key: carriers(['x-api-key', 'apikey'], 0),
    }),
  })
  .map(({ place, ...own }) => JSON.parse(JSON.stringify({ ...standard, ...own, ...place })) as Dialect)
