// The composition root: from a configuration to a running server, and back to nothing. What lower rooms use of clock and randomness is
// handed in here.
import type { Server } from 'node:http'
import { createTokenBudget } from '@countersign/guard/token_cache'
import type { Progress } from '../config/config.ts'
import { originOf } from '../config/url.ts'
import type { ForwardAuth } from '../gateway/forward_auth.ts'
import { createForwardAuth } from '../gateway/forward_auth.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { createGateway } from '../gateway/gateway.ts'
import type { Incoming, Outgoing } from '../gateway/messages.ts'
import { createRefusalAudit } from '../gateway/refusal_audit.ts'
import type { Upgrade } from '../gateway/tunnel.ts'
import type { Issuance, RealmContext } from '../issue/context.ts'
import type { Act } from '../model/audit.ts'
import type { Configuration } from '../model/configuration.ts'
import { sqlStore } from '../store/sql_store.ts'
import { sqlLedger } from '../store/tables/ledger.ts'
import type { ApiUsage } from './api_usage.ts'
import { createApiUsage } from './api_usage.ts'
import { applyConfiguration } from './apply.ts'
import type { ClientAddress } from './client_address.ts'
import { createClientAddress } from './client_address.ts'
import type { Surroundings } from './issuance.ts'
import { createIssuance, createNodeOf, milliseconds } from './issuance.ts'
import { checkMasterKey, makeKeys } from './keys_at_start.ts'
import { closeServer, listen, portOf } from './listening.ts'
import type { Readiness } from './management.ts'
import { createManagement } from './management.ts'
import { createHealth } from './management_health.ts'
import type { MetricsSnapshot } from './metrics.ts'
import { createMetrics } from './metrics.ts'
import { countFailures, measureSql } from './metrics_process.ts'
import { textOf } from './metrics_text.ts'
import type { MountTable } from './mount_table.ts'
import { createMountTable } from './mount_table.ts'
import { openSql } from './open_store.ts'
import { reportToStderr } from './operator_log.ts'
import { createPublicListener, drain } from './public_listener.ts'
import { createGuardedApi, createRealmContext } from './realms.ts'
import type { Report } from './refusal.ts'
import type { RequestWatch } from './request_watch.ts'
import { requestIdOf, watchRequests } from './request_watch_setup.ts'
import { claimIssuers } from './same_issuer.ts'
import { answerStarting } from './starting.ts'
import { hostOf, splitUrl } from './target.ts'
import { startTasks } from './tasks.ts'
import { LISTENS_ALONE } from './workers_link.ts'

export interface ServeOptions extends Surroundings {
  /** The configuration for the ports that were found at listening. */
  readonly atPorts: (port: number, managementPort: number) => Configuration
  /** A worker: its supervisor has the management listener. Default: false. */
  readonly withoutManagement?: boolean
  /** The operator's log; default: one JSON line on stderr. */
  readonly report?: Report
  /** Told how far the start is. */
  readonly progress?: Progress
}

export interface RunningServer {
  /** Origins of the two listeners, as bound. */
  readonly publicUrl: string
  readonly managementUrl: string
  /** Without clients, users and API keys, which the store has. */
  readonly configuration: Configuration
  /** What /metrics and /health/ready say, as data. */
  readonly metrics: () => MetricsSnapshot
  readonly ready: () => Promise<Readiness>
  /** No new connections; answers in flight finish; what is not durable becomes so. */
  close(): Promise<void>
}

/** @throws StoreUnavailable, ConfigError for a master key that does not fit, or the system's error for a port that cannot be had */
export async function startServer(configuration: Configuration, options: ServeOptions): Promise<RunningServer> {
  const report = options.report ?? reportToStderr
  const { host, port, managementPort } = configuration.listen
  const metrics = createMetrics()
  const sql = measureSql(metrics, await openSql(configuration.database), () => performance.now())
  const store = sqlStore(sql)
  const node = createNodeOf(store, options)
  const issuance = createIssuance(store, sqlLedger(sql), configuration, { ...options, node })
  const reportTasks = countFailures(metrics, report)
  let state: State | undefined
  let closing = false
  const clientAddress = createClientAddress(configuration.listen.trustedProxies)
  const watch = await watchRequests(metrics, configuration, { ...clientAddress, nowMs: milliseconds(options) })
  const listener = createPublicListener({
    mountTable: () => state?.table ?? NOTHING_MOUNTED,
    gateway: (request, response, upgrade) => (state ? takeForGateway(state, request, response, upgrade) : answerStarting(response)),
    callerOf: clientAddress.callerOf,
    report,
    watch,
  })
  const health = createHealth({ metrics, listener, store, contexts: () => state?.contexts, now: issuance.now })
  const management = createManagement({ metrics: () => textOf([metrics.snapshot()]), ready: health.ready })
  try {
    await checkMasterKey(store, configuration)
    await Promise.all([
      listen(listener, host, port, options.withoutManagement === true && LISTENS_ALONE),
      options.withoutManagement ? undefined : listen(management, host, managementPort),
    ])
    const given = options.atPorts(portOf(listener), options.withoutManagement ? managementPort : portOf(management))
    const act: Act = { at: issuance.now(), by: 'configuration' }
    // Whoever finds what is written now finds that its writer lives.
    const ended = await node.enter(async () => {
      await claimIssuers(store, given, { self: node.id, notice: issuance.notice, act })
      return await applyConfiguration(store, given.realms, act, options.progress)
    })
    // From here on the store says who the clients are, and nothing else need hold on to them.
    const settled = { ...given, realms: given.realms.map(({ realm }) => ({ realm, clients: [], users: [], apiKeys: [] })) }
    for (const sentence of ended) issuance.notice(sentence)
    await issuance.news.look()
    const { callerOf } = clientAddress
    const made = createState(settled, issuance, { watch, report, nowMs: milliseconds(options), callerOf, nodes: node.live })
    state = made
    void makeKeys(made.contexts, (error, what) => closing || report(error, what))
    const { contexts, forget } = made
    const stopTasks = startTasks({
      issuance,
      node,
      contexts,
      usage: made.usage,
      report: reportTasks,
      keepSeconds: settled.audit.keepSeconds,
      onKeysChanged: forget,
    })
    const watched = { metrics: metrics.snapshot, ready: health.ready }
    return running(settled, watched, [listener, management], async () => {
      closing = true
      const left = await health.leave(settled.telemetry.drainDelay * 1000)
      issuance.feed.close()
      await drain(listener, issuance.notice, left)
      // Behind the answers in flight, which were still using secrets, and not behind whoever asks how this process is.
      await Promise.all([stopTasks(), closeServer(management)])
      await made.gateway.close()
      await store.close()
    })
  } catch (error) {
    await Promise.allSettled([drain(listener, issuance.notice), closeServer(management)])
    await store.close()
    throw error
  }
}

interface State {
  readonly contexts: readonly RealmContext[]
  readonly table: MountTable
  readonly gateway: Gateway
  readonly forwardAuth: ForwardAuth
  readonly usage: ApiUsage
  /** What the guards have verified is verified anew. */
  readonly forget: () => void
}

/** From here a proxy may ask about requests; what it passes on is not believed for that alone. */
const THIS_MACHINE = ['127.0.0.0/8', '::1']

/** Verified tokens of all APIs together, and their weight. */
const REMEMBERED = { maxTokens: 100_000, maxBytes: 256 * 1024 * 1024 }

const NOTHING_MOUNTED: MountTable = { find: () => undefined }

interface Wiring {
  readonly watch: RequestWatch
  readonly report: Report
  readonly nowMs: () => number
  readonly callerOf: ClientAddress['callerOf']
  /** That live and share the database. */
  readonly nodes: () => number
}

function createState(configuration: Configuration, issuance: Issuance, { watch, report, nowMs, callerOf, nodes }: Wiring): State {
  const contexts = configuration.realms.map(({ realm }) => createRealmContext(issuance, realm, configuration.masterKey))
  const byRealm = new Map(contexts.map((context) => [context.realm.id, context]))
  const usage = createApiUsage(issuance.store, nowMs, nodes)
  const refused = createRefusalAudit({
    audit: issuance.store.audit,
    now: issuance.now,
    onFailure: (error) => report(error, 'a refusal cannot be written to the audit trail'),
  })
  const remembered = createTokenBudget(REMEMBERED)
  const apis = configuration.apis.map((api) => {
    const context = byRealm.get(api.realmId)
    if (!context) throw new Error(`api ${api.id} is of realm ${api.realmId}, which is not configured`)
    return createGuardedApi(api, context, { usage, refused, report, remembered })
  })
  const gateway = createGateway({
    apis,
    callerOf,
    nowMs: () => performance.now(),
    onVerdict: watch.verdict,
    onUpstream: watch.upstream,
    requestIdOf,
    trace: watch.trace,
    onMalfunction: (api, error, response) => report(error, `the gateway cannot pass a request on to ${api.id}`, requestIdOf(response)),
  })
  const forwardAuth = createForwardAuth({
    apis,
    isProxy: createClientAddress([...THIS_MACHINE, ...configuration.listen.trustedProxies]).isTrusted,
    onVerdict: watch.verdict,
    onMalfunction: (api, error, response) => report(error, `a proxy cannot be told who is calling ${api.id}`, requestIdOf(response)),
  })
  const forget = (): void => {
    for (const { guard } of apis) guard.forget()
  }
  return { contexts, table: createMountTable(contexts, configuration.apis), gateway, forwardAuth, usage, forget }
}

/** A realm's own endpoints win over an API at the same host or below a prefix of their paths: WebCommander has both. */
function takeForGateway(state: State, request: Incoming, response: Outgoing, upgrade?: Upgrade): boolean {
  if (state.forwardAuth.take(request, response)) return true
  const { path } = splitUrl(request.url ?? '/')
  const host = hostOf(request.headers.host)
  const route = state.gateway.find(host, path)
  if (!route || state.table.find(host, path)) return false
  state.gateway.handle(route, request, response, upgrade)
  return true
}

function running(
  configuration: Configuration,
  watched: Pick<RunningServer, 'metrics' | 'ready'>,
  servers: readonly [Server, Server],
  close: () => Promise<void>,
): RunningServer {
  const { host } = configuration.listen
  let closing: Promise<void> | undefined
  return {
    ...watched,
    configuration,
    publicUrl: originOf(host, portOf(servers[0])),
    managementUrl: originOf(host, configuration.listen.managementPort),
    close: () => (closing ??= close()),
  }
}
