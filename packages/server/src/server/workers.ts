// The process that only supervises: it starts the workers that share the public listener, replaces one that dies, gathers their health and
// metrics, and ends them. It answers no request itself. docs/decisions/0028.
import type { Worker } from 'node:cluster'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { CheckResult, Readiness } from './management.ts'
import type { MetricsSnapshot } from './metrics.ts'
import type { FromWorker, ToWorker } from './workers_link.ts'

/** A worker that does not answer for so long is not ready. Milliseconds, as all below. */
const ANSWER_MS = 2000
/** A worker that drains longer is cut off: the program must be gone within 10 seconds. */
const STOP_MS = 9500
/** A death so soon after the start has its reason in the start. */
const EARLY_MS = 1000
/** Early deaths in a row, of whichever workers, after which no more are started. */
const MOST_EARLY = 8
const SHORTEST_PAUSE = 100
const LONGEST_PAUSE = 5000

export interface WorkersOptions {
  readonly count: number
  /** Of the program, as each worker gets them. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Tells the operator one sentence. */
  readonly notice: (sentence: string) => void
}

export interface Workers {
  /** Ready if one worker is. */
  ready(): Promise<Readiness & { readonly workers: { readonly ready: number; readonly of: number } }>
  /** Of the workers that answer. */
  metrics(): Promise<MetricsSnapshot[]>
  /** Resolves with the sentence why no more are started. */
  readonly givenUp: Promise<string>
  /** Lets all of them drain; resolves when they are gone. */
  stop(): Promise<void>
}

/** The first worker ended before it served: what it had to say it has said itself. */
export class WorkerRefused extends Error {
  override readonly name = 'WorkerRefused'
  readonly exitCode: number

  constructor(exitCode: number) {
    super(`The first worker ended with ${exitCode}.`)
    this.exitCode = exitCode
  }
}

/**
 * The port for all workers alike, which nobody listened on a moment ago. Workers that each listen by themselves would not notice another
 * program that does the same.
 * @param port 0: any free one. Rejects with the system's error
 */
export async function findPort(host: string, port: number): Promise<number> {
  const server = createServer().listen({ host, port })
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Resolves when all serve: the first one alone, so that migrations and first keys are made in peace. @throws WorkerRefused */
export async function startWorkers({ count, args, env, notice }: WorkersOptions): Promise<Workers> {
  const alive = new Map<Worker, { startedAt: number | undefined }>()
  let stopping = false
  const isStopping = (): boolean => stopping
  let early = 0
  let giveUp: (sentence: string) => void = () => undefined
  const givenUp = new Promise<string>((resolve) => {
    giveUp = resolve
  })
  // Not the default, by which the supervisor hands connections over: those on their way to a worker that dies would hang for good.
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ args: [...args] })

  /** Resolves when it serves, with undefined, or when it is gone, with how. */
  const launch = async (): Promise<{ readonly code: number } | undefined> => {
    const worker = cluster.fork(env)
    const state: { startedAt: number | undefined } = { startedAt: undefined }
    alive.set(worker, state)
    worker.on('error', () => undefined)
    // One for each question under way, and how many there are is the asker's choice.
    worker.setMaxListeners(0)
    const gone = once(worker, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const started = new Promise<undefined>((resolve) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'started') resolve(undefined)
      })
    }).then(() => {
      state.startedAt = performance.now()
    })
    const ended = gone.then(([code, signal]) => {
      alive.delete(worker)
      return { code: code ?? 1, how: signal ?? `code ${code}`, startedAt: state.startedAt, pid: worker.process.pid }
    })
    void ended.then((end) => endings?.(end))
    return Promise.race([started.then(() => undefined), ended])
  }

  interface Ending {
    readonly how: string
    readonly startedAt: number | undefined
    readonly pid: number | undefined
  }
  const replace = async ({ how, startedAt, pid }: Ending): Promise<void> => {
    if (isStopping()) return
    const isEarly = startedAt === undefined || performance.now() - startedAt < EARLY_MS
    early = isEarly ? early + 1 : 0
    if (early >= MOST_EARLY) {
      giveUp(`${MOST_EARLY} workers in a row ended right after their start, the last with ${how}: look at what they wrote above.`)
      return
    }
    notice(`Worker ${pid} ended with ${how}: another takes its place.`)
    if (early > 0) await pause(Math.min(SHORTEST_PAUSE * 2 ** (early - 1), LONGEST_PAUSE), undefined, { ref: false })
    if (!isStopping()) await launch()
  }
  // The first one's end is the caller's to tell; it is replaced like any other once it has served.
  let endings: ((ending: Ending) => void) | undefined
  const refused = await launch()
  if (refused) throw new WorkerRefused(refused.code)
  endings = (ending) => void replace(ending)
  await Promise.all(Array.from({ length: count - 1 }, launch))

  return {
    givenUp,
    async ready() {
      const answers = await askAll([...alive.keys()])
      const checks: Record<string, CheckResult> = {}
      for (const [index, answer] of answers.entries()) checks[`worker_${index + 1}`] = checkOf(answer)
      const ready = Object.values(checks).filter((check) => check.status === 'ok').length
      const failed = Object.values(checks).find((check) => check.status === 'failed')
      const reason = failed?.reason ?? 'No worker runs now.'
      return { status: ready > 0 ? 'ok' : 'unavailable', ...(ready === 0 && { reason }), workers: { ready, of: count }, checks }
    },
    async metrics() {
      return (await askAll([...alive.keys()])).flatMap((answer) => (answer ? [answer.metrics] : []))
    },
    async stop() {
      stopping = true
      await Promise.all([...alive.keys()].map(stop))
    },
  }
}

type WorkerAnswer = Extract<FromWorker, { kind: 'answer' }>

let lastId = 0

function askAll(workers: readonly Worker[]): Promise<(WorkerAnswer | undefined)[]> {
  return Promise.all(workers.map(ask))
}

/** undefined: it is gone, or busy for too long. */
function ask(worker: Worker): Promise<WorkerAnswer | undefined> {
  const id = ++lastId
  return new Promise((resolve) => {
    const end = (answer: WorkerAnswer | undefined): void => {
      clearTimeout(late)
      worker.off('message', hear)
      resolve(answer)
    }
    const hear = (message: FromWorker): void => {
      if (message.kind === 'answer' && message.id === id) end(message)
    }
    const late = setTimeout(() => end(undefined), ANSWER_MS)
    worker.on('message', hear)
    tell(worker, { kind: 'ask', id })
  })
}

function checkOf(answer: WorkerAnswer | undefined): CheckResult {
  if (!answer) return { status: 'failed', reason: `The worker gave no answer within ${ANSWER_MS / 1000} s.` }
  const { status, reason } = answer.readiness
  return status === 'ok' ? { status } : { status: 'failed', ...(reason !== undefined && { reason }) }
}

async function stop(worker: Worker): Promise<void> {
  if (worker.isDead()) return
  const gone = once(worker, 'exit')
  tell(worker, { kind: 'stop' })
  const enough = setTimeout(() => worker.process.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(enough)
}

function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined)
}
