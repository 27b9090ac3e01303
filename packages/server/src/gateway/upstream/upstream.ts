// One upstream: its connections, and the requests that wait for one. Loaded with the first request, so that a process that only issues
// does without it.
import type { Socket } from 'node:net'
import { connect, isIP } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Ask, AskListener } from './ask.ts'
import { UpstreamFailed } from './ask.ts'
import { Connection } from './connection.ts'
import { probe } from './probe.ts'

export interface Upstream {
  /** At once, or when a connection is free. */
  readonly send: (ask: Ask & AskListener) => void
  /** Takes back what waits. What has a line is dropped by that. */
  readonly forget: (ask: Ask & AskListener) => void
  /** Every connection is taken: what comes now waits for one. */
  readonly isCrowded: () => boolean
  /** So many wait that the next is better told to come again. */
  readonly isFull: () => boolean
  /** Whether a GET is answered with 2xx or 3xx, on a connection of its own: a busy upstream may be well. */
  readonly isWell: (path: string, timeoutMs: number) => Promise<boolean>
  /** Resolves when what is under way has ended. */
  readonly close: () => Promise<void>
}

export interface UpstreamOptions {
  /** Milliseconds until an answer begins, and between two pieces of it. */
  readonly timeoutMs: number
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number
}

interface Idle {
  readonly connection: Connection
  /** Monotonic, in milliseconds. */
  readonly until: number
}

const CONNECTIONS = 256
const MOST_WAITING = 1024
const CONNECT_TIMEOUT_MS = 5_000
const SWEEP_MS = 1_000

/** @param origin `http://127.0.0.1:9000` */
export function openUpstream(origin: string, { timeoutMs, nowMs }: UpstreamOptions): Upstream {
  const openSocket = socketsTo(new URL(origin))
  const { host } = new URL(origin)
  const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, timeoutMs)
  /** The one that was used last comes first: the others may rest and end. */
  let idle: Idle[] = []
  /** Answered in this turn of the event loop. What else is there to read on them shows before anybody else's request is on them. */
  let answered: Idle[] = []
  const waiting: (Ask & AskListener)[] = []
  /** Connections, idle ones as well. */
  let open = 0
  let sweep: NodeJS.Timeout | undefined
  let closed: (() => void) | undefined
  let closing: Promise<void> | undefined

  const onIdle = (connection: Connection, idleMs: number): void => {
    if (answered.push({ connection, until: nowMs() + idleMs }) === 1) setImmediate(handOn)
  }
  const handOn = (): void => {
    const free = answered
    answered = []
    for (const one of free) {
      const next = waiting.shift()
      if (next) one.connection.send(next)
      else if (closed) one.connection.drop()
      else idle.push(one)
    }
    if (idle.length > 0) sweep ??= setInterval(takeAwayOld, SWEEP_MS).unref()
  }
  const onGone = (connection: Connection): void => {
    open -= 1
    idle = idle.filter((one) => one.connection !== connection)
    answered = answered.filter((one) => one.connection !== connection)
    const next = waiting.shift()
    if (next) openFor(next)
    else if (open === 0) closed?.()
  }
  const takeAwayOld = (): void => {
    const now = nowMs()
    for (const { connection, until } of idle) if (until <= now) connection.drop()
    if (idle.length > 0) return
    clearInterval(sweep)
    sweep = undefined
  }
  const makeConnection = (): Connection => new Connection({ ...openSocket(), host, timeoutMs, connectTimeoutMs }, { onIdle, onGone })
  const openFor = (ask: Ask & AskListener): void => {
    open += 1
    makeConnection().send(ask)
  }
  return {
    send(ask) {
      if (closed) return ask.onError(new UpstreamFailed('UPSTREAM_CLOSED'))
      for (let one = idle.pop(); one; one = idle.pop()) {
        if (one.until > nowMs()) return one.connection.send(ask)
        one.connection.drop()
      }
      if (open < CONNECTIONS) openFor(ask)
      else waiting.push(ask)
    },
    forget(ask) {
      const place = waiting.indexOf(ask)
      if (place >= 0) waiting.splice(place, 1)
    },
    isCrowded: () => open - idle.length >= CONNECTIONS,
    isFull: () => waiting.length >= MOST_WAITING,
    isWell: (path, within) => probe({ ...openSocket(), host, timeoutMs: within, connectTimeoutMs: within }, path),
    close: () =>
      (closing ??= new Promise((resolve) => {
        closed = resolve
        clearInterval(sweep)
        for (const { connection } of idle) connection.drop()
        if (open === 0) resolve()
      })),
  }
}

/** How to get there, and the event that says one is there. */
function socketsTo({ protocol, hostname, port }: URL): () => { socket: Socket; ready: string } {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol !== 'https:') return () => ({ socket: connect({ host, port: Number(port || 80) }), ready: 'connect' })
  let session: Buffer | undefined
  return () => {
    const socket = connectTls({
      host,
      port: Number(port || 443),
      ALPNProtocols: ['http/1.1'],
      // An address cannot be asked for by name.
      ...(isIP(host) === 0 && { servername: host }),
      ...(session && { session }),
    })
    socket.on('session', (one) => (session = one))
    return { socket, ready: 'secureConnect' }
  }
}
