// What the operator sees of the server: request log, traces, and how long it says that it ends before it does.
import type { TelemetrySettings } from '../model/configuration.ts'
import type { Findings } from './error.ts'
import type { ConfigInput } from './input.ts'
import type { Environment } from './secret.ts'

/** The server must be gone 10 s after it was told to end: what is left of them is for the answers. */
export const MOST_DRAIN_DELAY = 5

/** The environment wins over the file; an empty variable is none. */
export function resolveTelemetry(
  input: Pick<ConfigInput, 'log' | 'telemetry' | 'listen'>,
  env: Environment,
  findings: Findings,
): TelemetrySettings {
  return {
    logRequests: readSwitch('COUNTERSIGN_LOG_REQUESTS', env, findings) ?? input.log?.requests ?? false,
    traces: readSwitch('COUNTERSIGN_TRACES', env, findings) ?? input.telemetry?.traces ?? false,
    traceparent: input.telemetry?.traceparent ?? 'proxies',
    drainDelay: readDelay(env, findings) ?? input.listen?.drainDelay ?? 0,
  }
}

export function readSwitch(name: string, env: Environment, { mistakes }: Findings): boolean | undefined {
  const text = env[name] ?? ''
  if (text === '') return undefined
  if (text === '1' || text === 'true') return true
  if (text === '0' || text === 'false') return false
  mistakes.push({ path: name, message: 'must be 1 or true, 0 or false' })
  return undefined
}

function readDelay(env: Environment, { mistakes }: Findings): number | undefined {
  const text = env['COUNTERSIGN_DRAIN_DELAY'] ?? ''
  if (text === '') return undefined
  const delay = /^[0-9](?:\.[0-9]{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (delay <= MOST_DRAIN_DELAY) return delay
  mistakes.push({ path: 'COUNTERSIGN_DRAIN_DELAY', message: `must be seconds from 0 to ${MOST_DRAIN_DELAY}` })
  return undefined
}
