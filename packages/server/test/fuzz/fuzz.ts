// Sends requests that nobody expects to real servers, many at a time, and judges the answers: none of 500 or above, and none missing.
import { connect } from 'node:net'
import { createDice } from './dice.ts'
import type { Shot } from './shot.ts'
import { draw } from './shot.ts'
import type { World } from './world.ts'

export interface FuzzOptions {
  readonly worlds: readonly World[]
  readonly seed: number
  readonly requests: number
  /** Told now and then how far it is. */
  readonly progress?: (sent: number, faults: number) => void
}

export interface Fault {
  /** Which request of this seed. */
  readonly index: number
  readonly what: string
  readonly sent: string
  readonly said: string
}

export interface Outcome {
  readonly answers: ReadonlyMap<number, number>
  /** Connections that ended without an answer, where none can be asked for. */
  readonly unanswered: number
  readonly faults: readonly Fault[]
}

/** Fewer than password checks may wait, or 503 is the right answer. */
const CONNECTIONS = 48
const PROGRESS_EVERY = 20_000
const MOST_FAULTS = 20

export async function fuzz({ worlds, seed, requests, progress }: FuzzOptions): Promise<Outcome> {
  const answers = new Map<number, number>()
  const faults: Fault[] = []
  let unanswered = 0
  let next = 0
  const shoot = async (): Promise<void> => {
    while (next < requests && faults.length < MOST_FAULTS) {
      const index = next
      next += 1
      if (index % PROGRESS_EVERY === 0) progress?.(index, faults.length)
      // By its number, so that one request can be made again without those before it.
      const dice = createDice(seed * 1_000_003 + index)
      const world = dice.pick(worlds)
      const shot = draw(world, dice)
      const said = await send(world.origin, shot)
      const statuses = [...said.matchAll(/(?<=^|\r\n\r\n)HTTP\/1\.1 (\d{3}) /g)]
        .map((match) => Number(match[1]))
        .filter((one) => one >= 200)
      for (const status of statuses) answers.set(status, (answers.get(status) ?? 0) + 1)
      if (statuses.length === 0) unanswered += 1
      const what = faultOf(shot, statuses, said)
      if (what !== undefined) faults.push({ index, what, sent: shot.bytes.toString('latin1').slice(0, 3000), said: said.slice(0, 1000) })
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, shoot))
  return { answers, unanswered, faults }
}

function faultOf({ method, path, whole }: Shot, statuses: readonly number[], said: string): string | undefined {
  const worst = Math.max(0, ...statuses)
  if (worst === 0) return whole ? 'no answer' : undefined
  if (worst < 500) return undefined
  // A tunnel to elsewhere is what no server of this kind makes.
  if (worst === 501 && method === 'CONNECT') return undefined
  // The operator's own proxy, which the fuzzer plays, asks about nothing: documented, and no caller can bring it about.
  const isOwn = said.includes('"code":"unreadable_question"') || method === 'HEAD'
  if (worst === 500 && path.includes('/forward-auth/') && isOwn) return undefined
  return `status ${worst}`
}

/** An answer takes this long only where nobody can tell that the request is at its end; a whole one must have come by then. */
const PATIENCE_MS = { whole: 20_000, other: 250 }

/** What the server says until it hangs up, or until its answer is complete. */
function send(origin: string, { bytes, method, whole }: Shot): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin)
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    let said = ''
    let refused: Error | undefined
    const patience = setTimeout(() => socket.destroy(), whole ? PATIENCE_MS.whole : PATIENCE_MS.other)
    socket.setEncoding('latin1')
    socket.once('connect', () => socket.write(bytes))
    socket.on('data', (text: string) => {
      said += text
      if (isComplete(said, method)) socket.destroy()
    })
    // One that refuses early may reset the connection while we still send: what it said before counts.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') refused = error
    })
    socket.once('close', () => {
      clearTimeout(patience)
      if (refused) reject(refused)
      else resolve(said)
    })
  })
}

function isComplete(said: string, method: string): boolean {
  const headEnd = said.indexOf('\r\n\r\n')
  if (headEnd < 0 || said.startsWith('HTTP/1.1 1')) return false
  const head = said.slice(0, headEnd)
  // A feed never ends.
  if (/^content-type: text\/event-stream/im.test(head)) return true
  const length = /^content-length: (\d+)/im.exec(head)?.[1]
  return length !== undefined && (method === 'HEAD' || said.length >= headEnd + 4 + Number(length))
}
