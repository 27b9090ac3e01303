// Why a server could not start, as one sentence for the operator.
import type { ListenSettings } from '../model/configuration.ts'
import { StoreUnavailable } from '../model/store.ts'
import { UsageError } from './command.ts'

/** The same error where nothing better can be said of it. */
export function explained(error: unknown, { host, port, managementPort }: ListenSettings): unknown {
  if (error instanceof StoreUnavailable) return new UsageError(error.message)
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const refusal = LISTEN_ERRORS[code]
  if (!refusal || !(error instanceof Error)) return error
  const at = 'port' in error && typeof error.port === 'number' ? error.port : port
  return new UsageError(refusal(at === managementPort && at !== port ? '--management-port' : '--port', at, host))
}

const LISTEN_ERRORS: Readonly<Record<string, (flag: string, port: number, host: string) => string>> = {
  EADDRINUSE: (flag, port, host) => `Port ${port} on ${host} is in use: stop what listens there, or choose another with ${flag}.`,
  EACCES: (flag, port, host) => `Port ${port} on ${host} may not be opened by this user: choose one above 1023 with ${flag}.`,
  EADDRNOTAVAIL: (_flag, _port, host) => `${host} is no address of this machine: choose one with --host, such as 127.0.0.1 or 0.0.0.0.`,
  ENOTFOUND: (_flag, _port, host) => `The host ${host} is unknown: choose another with --host, such as 127.0.0.1.`,
  EAI_AGAIN: (_flag, _port, host) => `The host ${host} cannot be looked up: choose another with --host, such as 127.0.0.1.`,
}
