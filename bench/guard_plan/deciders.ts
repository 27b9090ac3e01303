// Who decides on a request against a plan: one row each, loaded alone in a process of its own. From a request to an admission, or a refusal.
import { hash } from 'node:crypto'
import type { Verdict } from '@countersign/guard/verdict'
import type { RequestPlan } from '../../packages/server/src/model/plan.ts'
import { AUDIENCE, CLIENT_ID } from '../servers/asked.ts'
import type { GuardedRequest, TokenMaker } from '../verification/tokens.ts'
import { ISSUER } from '../verification/tokens.ts'

export interface Decider {
  /** Rejects, or false, for a request that is refused. */
  readonly decide: (request: GuardedRequest) => Promise<boolean>
  /** What is written behind the answers each second. */
  readonly flush: () => Promise<void>
  /** Requests that are counted for good; undefined: it keeps no such thing. */
  readonly counted: () => Promise<number | undefined>
  readonly close: () => Promise<void>
}

export interface DeciderRow {
  readonly name: string
  /** @param file path of a database, for one that has one */
  readonly create: (maker: TokenMaker, file: string) => Promise<Decider>
}

export const DECIDERS: ReadonlyMap<string, DeciderRow> = new Map<string, DeciderRow>([
  ['countersign', { name: 'countersign: key, token, rate, two volumes, metering', create: countersign }],
  ['express', { name: 'express-oauth2-jwt-bearer, express-rate-limit', create: express }],
])

export const API_KEY = 'bench-api-key-that-is-long-enough'
const REALM = 'bench'
/** High enough that nothing is refused. */
const PLENTY = 1_000_000_000
const OUTCOME = { status: 200, bytesIn: 0, bytesOut: 100, milliseconds: 1 }

const volume = (unit: 'day' | 'month'): RequestPlan['volumes'][number] => ({
  limit: PLENTY,
  window: { unit, timeZone: 'UTC' },
  mode: 'enforce',
  warnAt: [50, 80, 95],
})

const PLAN: RequestPlan = {
  rates: [{ limit: 1_000_000, seconds: 1, burst: 1_000_000 }],
  volumes: [volume('day'), volume('month')],
  concurrency: 10_000,
  mode: 'enforce',
  withoutLedger: 'deny',
}

async function countersign({ publicJwk }: TokenMaker, file: string): Promise<Decider> {
  const { createGuard } = await import('@countersign/guard')
  const { compile } = await import('@countersign/protocol/dialect/compile')
  const { standard } = await import('@countersign/protocol/dialect/builtin/standard')
  const { createKeySet } = await import('@countersign/protocol/jose/key_set')
  const { Directory } = await import('../../packages/server/src/issue/directory.ts')
  const { createApiUsage } = await import('../../packages/server/src/server/api_usage.ts')
  const { openSqlite } = await import('../../packages/server/src/store/adapters/sqlite.ts')
  const { sqlStore } = await import('../../packages/server/src/store/sql_store.ts')
  const { sqlLedger } = await import('../../packages/server/src/store/tables/ledger.ts')
  const { apiKey, client, realm } = await import('../../packages/server/test/store/samples.ts')
  const sql = await openSqlite({ file })
  const store = sqlStore(sql)
  const act = { at: 0, by: 'configuration' }
  const plan = { tokens: null, rate: null, requests: PLAN }
  await store.realms.put(realm(REALM), act)
  await store.clients.put(client(REALM, CLIENT_ID, { plan }), act)
  await store.apiKeys.put(apiKey(REALM, CLIENT_ID, 'key', { hash: `sha256:${hash('sha256', API_KEY, 'base64url')}` }), act)
  const directory = new Directory(store, { fresh: () => undefined })
  const usage = createApiUsage(store, Date.now, () => 1)
  const context = { realm: realm(REALM), directory, store, ledger: sqlLedger(sql), notice: () => undefined }
  const revoked = new Set<string>()
  const guard = createGuard({
    realm: REALM,
    issuer: ISSUER,
    audience: AUDIENCE,
    keys: createKeySet([publicJwk]),
    dialects: [compile(standard)],
    apiKey: 'required',
    apiKeys: { find: (digest) => directory.apiKey(REALM, digest) },
    revocations: { isRevoked: (jti, sid) => (jti !== undefined && revoked.has(jti)) || (sid !== undefined && revoked.has(sid)) },
    policy: { routes: [{ methods: ['GET'], path: '/orders/:id', scopes: ['read'] }] },
    admissions: usage.admissionsOf(context, { id: 'orders' }),
  })
  const conclude = (verdict: Verdict): boolean => {
    if (verdict.allow) verdict.done?.(OUTCOME)
    return verdict.allow
  }
  return {
    // As the gateway asks.
    decide(request) {
      const verdict = guard.check(request)
      return verdict instanceof Promise ? verdict.then(conclude) : Promise.resolve(conclude(verdict))
    },
    flush: () => usage.flush(),
    async counted() {
      const lines = await store.metering.lines({ from: 0, to: Number.MAX_SAFE_INTEGER }, null, 1000)
      return lines.reduce((sum, { requests }) => sum + requests, 0)
    },
    close: () => store.close(),
  }
}

/** As their users have them: one middleware after the other, the limiter in memory and by the client of the token. */
async function express({ algorithm, publicJwk }: TokenMaker): Promise<Decider> {
  const { auth } = await import('express-oauth2-jwt-bearer')
  const { rateLimit } = await import('express-rate-limit')
  // Its own type wants strings only, and a JWK of ours has nothing else.
  const publicKey = Object.fromEntries(
    Object.entries(publicJwk).filter((member): member is [string, string] => typeof member[1] === 'string'),
  )
  const bearer = auth({ issuer: ISSUER, audience: AUDIENCE, publicKey, tokenSigningAlg: algorithm })
  const limiter = rateLimit({
    windowMs: 1000,
    limit: 1_000_000,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (request) => String((request as unknown as Authenticated).auth?.payload.sub),
  })
  return {
    decide: ({ method, path, headers }) =>
      new Promise((resolve, reject) => {
        // The parts of Express's request and response that the two touch.
        const get = (name: string): string | undefined => headers[name.toLowerCase()]
        const url = { url: path, originalUrl: path, protocol: 'https', ip: '192.0.2.1', app: { get: () => false } }
        const request = { method, ...url, headers, query: {}, body: undefined, get, is: () => false }
        const response = { headersSent: false, setHeader: () => undefined, append: () => undefined, on: () => undefined }
        const settle = (error?: unknown): void => {
          if (error === undefined) resolve(true)
          else reject(error instanceof Error ? error : new Error('the middleware refused'))
        }
        const [first, second] = [request, response] as unknown as Parameters<typeof bearer>
        bearer(first, second, (error?: unknown) => {
          if (error !== undefined) return settle(error)
          Promise.resolve(limiter(first, second, settle)).catch(settle)
        })
      }),
    flush: () => Promise.resolve(),
    counted: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  }
}

interface Authenticated {
  readonly auth?: { readonly payload: { readonly sub?: string } }
}
