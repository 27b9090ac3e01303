// countersign serve --workers N: this process listens for the operator only, and supervises those that do the work.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LoadedConfiguration } from '../config/config.ts'
import { originOf } from '../config/url.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Workers } from '../server/workers.ts'
import { WORKER_VARIABLES } from '../server/workers_link.ts'
import type { Io } from './command.ts'
import { explained } from './start_error.ts'

export interface Supervision {
  /** Of the demo's sample API, which this process runs. */
  readonly upstream: string | undefined
  readonly stop: Promise<unknown>
  /** Prints the banner. */
  readonly say: (configuration: Configuration, managementUrl: string) => void
  readonly io: Io
}

/**
 * Resolves when all workers serve. What it returns waits, and holds nothing of the configuration: each worker has read its own, and this
 * process lives as long as they do.
 * @returns what resolves with the exit code: 0 after a stop, 1 if workers ended right after their start too often, and what the first one
 * ended with if it did
 */
export async function startSupervision(
  { configuration, atPorts }: LoadedConfiguration,
  { upstream, stop, say, io }: Supervision,
): Promise<() => Promise<number>> {
  const [{ findPort, startWorkers, WorkerRefused }, { createManagement }, { textOf }, { noticeToStderr }] = await Promise.all([
    import('../server/workers.ts'),
    import('../server/management.ts'),
    import('../server/metrics_text.ts'),
    import('../server/operator_log.ts'),
  ])
  const { listen } = configuration
  const running: { workers?: Workers } = {}
  const management = createManagement({
    ready: async () => (running.workers ? running.workers.ready() : { status: 'unavailable', reason: 'starting', checks: {} }),
    metrics: async () => textOf((await running.workers?.metrics()) ?? []),
  })
  try {
    management.listen({ host: listen.host, port: listen.managementPort })
    await once(management, 'listening')
    const port = await findPort(listen.host, listen.port)
    const managementPort = (management.address() as AddressInfo).port
    const env = { [WORKER_VARIABLES.port]: String(port), [WORKER_VARIABLES.upstream]: upstream ?? '' }
    const workers = await startWorkers({ count: listen.workers, args: process.argv.slice(2), env, notice: noticeToStderr })
    running.workers = workers
    say(atPorts(port, managementPort), originOf(listen.host, managementPort))
    return () => supervise(workers, management, stop, io)
  } catch (error) {
    management.close().closeAllConnections()
    if (!(error instanceof WorkerRefused)) throw explained(error, listen)
    const { exitCode } = error
    return () => Promise.resolve(exitCode)
  }
}

async function supervise(workers: Workers, management: Server, stop: Promise<unknown>, io: Io): Promise<number> {
  try {
    const sentence = await Promise.race([stop, workers.givenUp])
    await workers.stop()
    if (!isSentence(sentence)) return 0
    io.err(`${sentence}\n`)
    return 1
  } finally {
    management.close().closeAllConnections()
  }
}

/** Not a signal's name. */
function isSentence(ending: unknown): ending is string {
  return typeof ending === 'string' && ending.endsWith('.')
}
