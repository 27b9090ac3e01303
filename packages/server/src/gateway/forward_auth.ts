// Forward-auth: a proxy asks about each request and passes it on itself. The same guard judges as in the gateway; only the last step
// differs. Below `/realms/`, where no API's prefix may lie and only exact paths are the issuer's. RFC 9700 section 4.13.
import { IDENTITY_HEADERS, identityHeaders, isIdentityHeader } from '@countersign/guard/identity'
import type { Allow, Deny, Principal, Verdict } from '@countersign/guard/verdict'
import { PROBLEM_TYPE, problemBody } from '@countersign/guard/verdict'
import type { Api } from '../model/api.ts'
import { createCallerAddress, createTrust, PROXY_SECRET_HEADER } from './asking_proxy.ts'
import { ASSERTION_HEADER, identityFields } from './assertion.ts'
import type { GuardedApi } from './gateway.ts'
import type { Incoming, Outgoing } from './messages.ts'
import type { ProxyProfile } from './proxy_profile.ts'
import { PROXY_PROFILES } from './proxy_profile.ts'

export interface ForwardAuthOptions {
  readonly apis: readonly GuardedApi[]
  /** Whether a proxy of the operator's has that address: only such a one may ask without a secret. */
  readonly isProxy: (address: string) => boolean
  /** Told of every verdict: `allowed`, the guard's code, or one of FORWARD_AUTH_ERRORS. */
  readonly onVerdict: (api: Api, code: string, response: Outgoing, milliseconds?: number, verdict?: Verdict) => void
  /** Told why a caller that may pass cannot be named to the upstream; the proxy gets 503. */
  readonly onMalfunction: (api: Api, error: unknown, response: Outgoing) => void
}

export interface ForwardAuth {
  /** Answers a proxy's question; false: it is none, or not from one that may ask, and the request is whatever else it may be. */
  readonly take: (request: Incoming, response: Outgoing) => boolean
}

/** What is refused here before the guard is asked. */
export const FORWARD_AUTH_ERRORS = Object.freeze({
  misleading_header: {
    status: 400,
    title: 'Header misleading',
    detail: 'The request has a header that names another method, another path or a caller: only the proxy may write those.',
  },
  cannot_name_caller: {
    status: 503,
    title: 'Cannot pass on now',
    detail: 'The caller cannot be vouched for to the API at the moment; try again soon.',
  },
  unreadable_question: {
    status: 500,
    title: 'Proxy misconfigured',
    detail: 'The proxy does not say by which method and path it was asked: its configuration must send them as the recipe does.',
  },
})

type ForwardAuthErrorCode = keyof typeof FORWARD_AUTH_ERRORS

/** The path that a proxy asks at: with `nginx` or another profile behind it. */
function forwardAuthPath({ realmId, id }: Pick<Api, 'realmId' | 'id'>): string {
  return `/realms/${realmId}/forward-auth/${id}`
}

export function createForwardAuth(options: ForwardAuthOptions): ForwardAuth {
  const { apis, isProxy } = options
  const open = new Map(apis.filter(({ api }) => api.forwardAuth !== null).map((guarded) => [forwardAuthPath(guarded.api), guarded]))
  const trust = createTrust(isProxy)
  const callerAddress = createCallerAddress(isProxy)
  return {
    take(request, response) {
      const asked = readEndpoint(request.url ?? '/')
      const guarded = asked && open.get(asked.path)
      if (!asked || !guarded || !trust(guarded.api, request)) return false
      judge({ guarded, profile: asked.profile, response, options, callerAddress }, request, asked.rest)
      return true
    },
  }
}

/** One question, as far as it has come. */
interface Asking {
  readonly guarded: GuardedApi
  readonly profile: ProxyProfile
  readonly response: Outgoing
  readonly options: ForwardAuthOptions
  readonly callerAddress: ReturnType<typeof createCallerAddress>
}

function judge(asking: Asking, request: Incoming, rest: string): void {
  const { guarded, profile } = asking
  const question = profile.read(request, rest)
  if (question === undefined) return refuse(asking, 'unreadable_question')
  if (misleads(request.rawHeaders)) return refuse(asking, 'misleading_header')
  const { headers, rawHeaders } = request
  const address = asking.callerAddress(headers['x-forwarded-for'])
  const verdict = guarded.guard.check({ method: question.method, path: question.url, headers, rawHeaders, address, unseen: true })
  if (verdict instanceof Promise) void verdict.then((one) => act(asking, one))
  else act(asking, verdict)
}

function act(asking: Asking, verdict: Verdict): void {
  const { guarded, profile, response, options } = asking
  // Something else has answered in the meantime: that the body was too slow.
  if (response.headersSent) return verdict.allow ? verdict.done?.(NEVER_SEEN) : undefined
  if (!verdict.allow) {
    options.onVerdict(guarded.api, verdict.code, response, undefined, verdict)
    return refuseAs(profile, response, { ...verdict, body: problemBody(verdict) })
  }
  const pass = (fields: readonly string[]): void => {
    options.onVerdict(guarded.api, 'allowed', response, undefined, verdict)
    allow(verdict, fields, response)
  }
  const identity = identityOf(guarded, verdict.principal)
  if (!(identity instanceof Promise)) return pass(identity)
  void identity.then(pass, (error: unknown) => {
    options.onMalfunction(guarded.api, error, response)
    verdict.done?.(NEVER_SEEN)
    refuse(asking, 'cannot_name_caller')
  })
}

function refuse({ guarded, profile, response, options }: Asking, code: ForwardAuthErrorCode): void {
  options.onVerdict(guarded.api, code, response)
  refuseAs(profile, response, problemOf(code))
}

const ENDPOINT = /^(\/realms\/[^/?]+\/forward-auth\/[^/?]+)\/([a-z]+)(?=[/?]|$)/

function readEndpoint(url: string): { path: string; profile: ProxyProfile; rest: string } | undefined {
  const found = url.startsWith('/realms/') ? ENDPOINT.exec(url) : null
  const profile = found?.[2] === undefined ? undefined : PROXY_PROFILES.get(found[2])
  if (found?.[1] === undefined || profile === undefined) return undefined
  const rest = url.slice(found[0].length)
  return profile.appended || !rest.startsWith('/') ? { path: found[1], profile, rest } : undefined
}

/** The gateway takes these out; a proxy that asks passes on what came. `x-consumer-groups` is read by programs that trust Kong. */
function misleads(rawHeaders: readonly string[]): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    const first = name.charCodeAt(0)
    if (first !== 0x78 && first !== 0x58) continue
    const lower = name.toLowerCase()
    // Ours in their exact spelling are written anew by the proxy, from our answer.
    if (WRITTEN.has(lower)) continue
    if (isIdentityHeader(lower) || ANOTHER_REQUEST.has(lower.replaceAll(/[_.]/g, '-'))) return true
  }
  return false
}

const WRITTEN: ReadonlySet<string> = new Set([
  ...IDENTITY_HEADERS,
  ASSERTION_HEADER,
  PROXY_SECRET_HEADER,
  // The most frequent ones, so that they are not looked at more closely.
  'x-api-key',
  'x-original-method',
  'x-original-uri',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-method',
  'x-forwarded-proto',
  'x-forwarded-uri',
  'x-real-ip',
])

const ANOTHER_REQUEST: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
])

/** No answer is going to pass here: the request is counted as admitted, and what became of it stays unknown. */
const NEVER_SEEN = Object.freeze({ status: 0, bytesIn: 0, bytesOut: 0, milliseconds: 0 })

/** By the principal, which all requests with the same token share. */
const fieldsOf = new WeakMap<Principal, readonly string[]>()

/** Every identity header, the assertion too: Caddy passes on the name of its own variable for a header that is missing. */
function identityOf(guarded: GuardedApi, principal: Principal): readonly string[] | Promise<readonly string[]> {
  if (guarded.assertion !== undefined) return identityFields({ guarded }, principal)
  const known = fieldsOf.get(principal)
  if (known !== undefined) return known
  const fields = [...Object.entries(identityHeaders(principal)).flat(), ASSERTION_HEADER, '']
  fieldsOf.set(principal, fields)
  return fields
}

function allow({ headers, done }: Allow, identity: readonly string[], response: Outgoing): void {
  const fields = ['cache-control', 'no-store', 'content-length', '0', ...identity]
  for (const [name, value] of Object.entries(headers)) fields.push(name, value)
  response.writeHead(200, fields).end()
  done?.(NEVER_SEEN)
}

interface Refusal extends Pick<Deny, 'status' | 'headers'> {
  readonly body: string
}

function problemOf(code: ForwardAuthErrorCode): Refusal {
  const body = JSON.stringify({ type: `urn:countersign:error:${code}`, ...FORWARD_AUTH_ERRORS[code], code })
  const { status } = FORWARD_AUTH_ERRORS[code]
  const soon = status === 503 ? { 'retry-after': '5' } : {}
  return { status, headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...soon }, body }
}

function refuseAs({ passesEveryStatus }: ProxyProfile, response: Outgoing, { status, headers, body }: Refusal): void {
  if (passesEveryStatus) return void response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
  const carried = { 'x-guard-status': String(status), 'x-guard-problem': inOneLine(body), 'content-length': 0 }
  response.writeHead(status === 401 ? 401 : 403, { ...headers, ...carried }).end()
}

/** The same JSON in visible ASCII, as a header can carry it. */
function inOneLine(json: string): string {
  return json.replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
