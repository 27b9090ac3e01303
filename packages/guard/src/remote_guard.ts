// A guard in another program, against a Countersign elsewhere, from one URL: keys, dialects, introspection, API keys, and revocations as
// they happen. It judges by itself; it asks only for what it does not know yet. What it cannot know is 503, never 401.
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { JoseError } from '@countersign/protocol/jose/error'
import { writeBasicAuth } from '@countersign/protocol/oauth/basic_auth'
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import { CLOCK_LEAD } from './clock_lead.ts'
import type { Guard, GuardOptions } from './guard.ts'
import { createGuard } from './guard.ts'
import type { RemoteGuardPorts } from './remote.ts'
import { createRemoteGuardPorts } from './remote.ts'
import { createRemoteApiKeys } from './remote_api_keys.ts'
import { checkUrl, exchange, RemoteGuardError } from './remote_exchange.ts'
import { followRevocations } from './remote_feed.ts'

type Found = 'realm' | 'issuer' | 'keys' | 'dialects' | 'introspection' | 'revocations' | 'apiKeys' | 'now'

export interface RemoteGuardSetup extends Omit<GuardOptions, Found> {
  /** The realm at the server: `https://login.example.com/realms/partner`. Credentials go to this origin and no other. */
  readonly url: string
  /** A client of the realm with `introspects: true`. */
  readonly clientId: string
  readonly clientSecret: string
  readonly fetch: typeof globalThis.fetch
  /** Milliseconds; a clock that never goes back: `() => performance.now()`. */
  readonly nowMs: () => number
  /** Epoch seconds: `() => Date.now() / 1000`. */
  readonly now: () => number
  /**
   * Seconds without a word of the server, after which nothing can be verified and every request that shows a token gets 503; default 15.
   * `ignore`: it goes on with what it knows, and what is revoked while the connection is gone lives until it expires.
   */
  readonly maxSilence?: number | 'ignore'
  /** True: plain http to any host, for networks that protect their traffic otherwise. */
  readonly allowHttp?: boolean
  /** For one exchange; default 5 s. */
  readonly timeoutMs?: number
  /** Until the server can be reached at the start; default 30 s. */
  readonly startWithinMs?: number
  /** Remembered at once; default 500,000. */
  readonly maxRevocations?: number
  /** Told, without any secret, each time the server cannot be asked. */
  readonly onTrouble?: (error: Error) => void
}

export interface RemoteGuard extends Guard {
  /** Lets go of the connection to the server; what comes after is 503 when `maxSilence` is over. */
  close(): void
}

/**
 * Resolves when it can judge: the dialects, the keys and all that was revoked are known.
 * @throws RemoteGuardError if that takes longer than `startWithinMs`; TypeError for a URL or option that would guard nothing
 */
export async function createRemoteGuard(setup: RemoteGuardSetup): Promise<RemoteGuard> {
  const { fetch, nowMs, now, maxSilence = 15, maxRevocations = 500_000, onTrouble = () => undefined } = setup
  const base = checkUrl(setup.url, setup).replace(/\/$/, '')
  const deadline = nowMs() + (setup.startWithinMs ?? 30_000)
  const described = await insist(setup, deadline, () => describe(setup, `${base}/guard`))
  const { issuer, realm, dialects, at } = described
  const authorization = writeBasicAuth(setup)
  const openPorts = (): RemoteGuardPorts =>
    createRemoteGuardPorts({
      ...exchanger(setup),
      issuer,
      jwksUrl: at.jwks,
      ...(at.introspection && { introspectionUrl: at.introspection }),
    })
  let ports = await insist(setup, deadline, async () => {
    const opened = openPorts()
    await opened.prefetch()
    return opened
  })
  const apiKeys = createRemoteApiKeys({ ...exchanger(setup), url: at.apiKey, authorization, maxKeys: 20_000 })
  const reload = oneAtATime(async () => {
    const opened = openPorts()
    await opened.prefetch()
    ports = opened
    guard.forget()
  }, onTrouble)
  const revocations = followRevocations({
    url: at.revocations,
    authorization,
    fetch,
    nowMs,
    now,
    maxSilenceMs: maxSilence === 'ignore' ? maxSilence : maxSilence * 1000,
    maxRevocations,
    onTrouble,
    onChanged: () => {
      apiKeys.forget()
      reload()
    },
  })
  const guard = createGuard({
    ...setup,
    realm,
    issuer,
    dialects,
    keys: { find: (kid, alg) => ports.keys.find(kid, alg) },
    introspection: { introspect: (token) => ports.introspection?.introspect(token) },
    // The server is several machines, and this is one more.
    clockLead: setup.clockLead ?? Math.max(CLOCK_LEAD, setup.clockTolerance ?? 0),
    // A token that was introspected is asked after its revocation on every use, like any other.
    cache: { opaqueSeconds: 60, ...setup.cache },
    apiKeys,
    revocations,
  })
  try {
    await within(deadline - nowMs(), revocations.caughtUp, at.revocations)
  } catch (error) {
    revocations.close()
    throw error
  }
  return { ...guard, close: () => revocations.close() }
}

interface Described {
  readonly issuer: string
  readonly realm: string
  readonly dialects: GuardOptions['dialects']
  readonly at: { readonly jwks: string; readonly introspection: string | undefined; readonly revocations: string; readonly apiKey: string }
}

type Exchanging = Pick<RemoteGuardSetup, 'fetch' | 'nowMs' | 'clientId' | 'clientSecret' | 'allowHttp' | 'timeoutMs'>

function exchanger({ fetch, nowMs, clientId, clientSecret, allowHttp = false, timeoutMs = 5000 }: RemoteGuardSetup): Required<Exchanging> {
  return { fetch, nowMs, clientId, clientSecret, allowHttp, timeoutMs }
}

async function describe(setup: RemoteGuardSetup, url: string): Promise<Described> {
  const { answer } = await exchange(exchanger(setup), url, { headers: { accept: 'application/json' } })
  const { issuer, realm, dialects } = answer
  if (typeof issuer !== 'string' || typeof realm !== 'string' || !Array.isArray(dialects)) throw unreadable(url)
  const place = (name: string): string => placeOf(answer, name, url) ?? raise(url, name)
  return {
    issuer,
    realm,
    // Checked like any other document that somebody else wrote.
    dialects: dialects.map((document) => compile(resolveDialect(document as DialectDocument))),
    at: {
      jwks: place('jwks'),
      introspection: placeOf(answer, 'introspection', url),
      revocations: place('revocations'),
      apiKey: place('api_key'),
    },
  }
}

/** A path, at the origin it was told to trust: credentials are never sent elsewhere by what a document says. */
function placeOf(answer: JsonObject, name: string, url: string): string | undefined {
  const path = answer[name]
  if (path === null || path === undefined) return undefined
  if (typeof path !== 'string' || !/^\/[\w.~/-]*$/.test(path) || path.startsWith('//')) throw unreadable(url)
  return new URL(url).origin + path
}

function raise(url: string, name: string): never {
  throw new RemoteGuardError(`${url} names no ${name}: this realm cannot be guarded from afar`)
}

function unreadable(url: string): RemoteGuardError {
  return new RemoteGuardError(`${url} is not the description of a realm: give the URL of a realm of Countersign, https://HOST/realms/REALM`)
}

const RETRY_MS = 500

/** Again until it succeeds or time is over: a server may be starting too. */
async function insist<Value>(setup: RemoteGuardSetup, deadline: number, attempt: () => Promise<Value>): Promise<Value> {
  const { nowMs, onTrouble } = setup
  try {
    return await attempt()
  } catch (error) {
    if (!(error instanceof RemoteGuardError || error instanceof JoseError) || nowMs() + RETRY_MS >= deadline) throw error
    onTrouble?.(error)
    await new Promise((resolve) => {
      setTimeout(resolve, RETRY_MS)
    })
    return await insist(setup, deadline, attempt)
  }
}

async function within(ms: number, done: Promise<void>, url: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RemoteGuardError(`${url} did not tell in time what has been revoked`)), Math.max(0, ms))
  })
  try {
    await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Runs once more after the run under way, however often it is asked for. */
function oneAtATime(task: () => Promise<void>, onTrouble: (error: Error) => void): () => void {
  let running = false
  let asked = 0
  const run = async (): Promise<void> => {
    running = true
    let seen: number
    do {
      seen = asked
      await task().catch((error: unknown) => onTrouble(error instanceof Error ? error : new RemoteGuardError('keys cannot be fetched')))
    } while (seen !== asked)
    running = false
  }
  return () => {
    asked++
    if (!running) void run()
  }
}
