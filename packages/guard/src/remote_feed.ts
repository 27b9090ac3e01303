// Revocations as they happen, from a Countersign elsewhere: follows its feed, comes back when it breaks off, and says when it has heard
// nothing for too long. The form of the feed is the server's (GET /realms/{realm}/revocations). Owns the set it fills, and no clock.
import type { JsonObject } from '@countersign/protocol/oauth/strict_json'
import { isJsonObject, parseStrictJson } from '@countersign/protocol/oauth/strict_json'
import type { StreamEvent } from './event_stream.ts'
import { EventStreamReader } from './event_stream.ts'
import type { Revocations } from './ports.ts'
import { RemoteGuardError } from './remote_exchange.ts'
import type { RevokedThing } from './revocation_set.ts'
import { RevocationSet } from './revocation_set.ts'

export interface RevocationFeedOptions {
  readonly url: string
  /** Value of the `Authorization` field. */
  readonly authorization: string
  readonly fetch: typeof globalThis.fetch
  /** Milliseconds; a clock that never goes back. */
  readonly nowMs: () => number
  /** Epoch seconds. */
  readonly now: () => number
  /** Milliseconds without a word of the feed, after which nothing can be verified; `ignore`: it goes on with what it knows. */
  readonly maxSilenceMs: number | 'ignore'
  /** Beyond so many at once nothing can be verified, since one of them would have to be forgotten. */
  readonly maxRevocations: number
  /** A client, a key or the realm was changed, or may have been while the connection was gone. */
  readonly onChanged: () => void
  /** Told each time the feed breaks off or says what is not understood. */
  readonly onTrouble: (error: Error) => void
}

export interface FollowedRevocations extends Revocations {
  /** Resolves when all that was revoked before is known. */
  readonly caughtUp: Promise<void>
  close(): void
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 4000
/** To be let in, and until the first word tells how often one comes. */
const PATIENCE_MS = 10_000

export function followRevocations(options: RevocationFeedOptions): FollowedRevocations {
  const { nowMs, now, maxSilenceMs, maxRevocations, onTrouble } = options
  const set = new RevocationSet()
  const closed = new AbortController()
  let tellCaughtUp: () => void = () => undefined
  const caughtUp = new Promise<void>((resolve) => {
    tellCaughtUp = resolve
  })
  let lastId: string | undefined
  let heardAt = Number.NEGATIVE_INFINITY
  let connections = 0

  /** One connection, until it ends or is silent for too long. @returns whether it ever was of use */
  const listen = async (): Promise<boolean> => {
    const line = new AbortController()
    const hangUp = (): void => line.abort()
    closed.signal.addEventListener('abort', hangUp)
    let watch = watchdog(PATIENCE_MS, hangUp)
    const known = { all: false }
    const acts: Readonly<Record<string, (data: JsonObject) => void>> = {
      hello({ heartbeat }) {
        watch.stop()
        watch = watchdog(silenceOf(heartbeat), hangUp)
        // What was changed while nobody listened, nobody told.
        if (connections++ > 0) options.onChanged()
      },
      revoked(data) {
        const revoked = readRevoked(data)
        if (revoked) set.note(revoked)
        else onTrouble(new RemoteGuardError(`${options.url} tells of a revocation that this release does not understand`))
      },
      caught_up() {
        known.all = true
        tellCaughtUp()
      },
      changed: () => options.onChanged(),
      beat: () => set.forget(now()),
    }
    const act = (event: StreamEvent): void => {
      const data = readData(event)
      if (Object.hasOwn(acts, event.event)) acts[event.event]?.(data)
      lastId = event.id ?? lastId
    }
    try {
      const body = await connect(options, lastId, line.signal)
      const reader = new EventStreamReader()
      const text = new TextDecoder('utf-8', { fatal: true })
      for await (const chunk of body) {
        watch.heard()
        for (const event of reader.push(text.decode(chunk, { stream: true }))) act(event)
        // Not before all is known: what was revoked meanwhile must not pass.
        if (known.all) heardAt = nowMs()
      }
      throw new RemoteGuardError(`${options.url} has ended`)
    } catch (error) {
      if (!closed.signal.aborted) onTrouble(error instanceof RemoteGuardError ? error : new RemoteGuardError(`${options.url} broke off`))
      return known.all
    } finally {
      watch.stop()
      closed.signal.removeEventListener('abort', hangUp)
      line.abort()
    }
  }

  const follow = async (): Promise<void> => {
    let failures = 0
    while (!closed.signal.aborted) {
      failures = (await listen()) ? 0 : failures + 1
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(Math.max(0, failures - 1), 10)), closed.signal)
    }
  }
  void follow()

  return {
    caughtUp,
    isRevoked(jti, sid, clientId, issuedAt) {
      if (maxSilenceMs !== 'ignore' && nowMs() - heardAt > maxSilenceMs) {
        throw new RemoteGuardError(`${options.url} has been silent for more than ${maxSilenceMs} ms: what was revoked is not known`)
      }
      if (set.size > maxRevocations) throw new RemoteGuardError(`${options.url} tells of more than ${maxRevocations} revocations`)
      return set.isRevoked(jti, sid, clientId, issuedAt)
    },
    close: () => closed.abort(),
  }
}

async function connect(
  { url, authorization, fetch }: RevocationFeedOptions,
  lastId: string | undefined,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const headers = { authorization, accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
  // Credentials follow no redirect.
  const response = await fetch(url, { headers, redirect: 'manual', signal })
  const kind = response.headers.get('content-type') ?? ''
  if (response.status === 200 && response.body !== null && /^text\/event-stream\b/i.test(kind)) return response.body
  await response.body?.cancel()
  throw new RemoteGuardError(`${url} answers with status ${response.status}${response.status === 200 ? ' and no events' : ''}`)
}

function readData({ data }: StreamEvent): JsonObject {
  const value = parseStrictJson(data, { maxDepth: 4, maxMembers: 50 })
  return isJsonObject(value) ? value : {}
}

function readRevoked(data: JsonObject): RevokedThing | undefined {
  const { kind, value, generation, expires_at: expiresAt, issued_until: issuedUntil } = data
  if (typeof value !== 'string' || typeof expiresAt !== 'number') return undefined
  if (kind === 'client') {
    if (typeof issuedUntil !== 'number') return undefined
    // A server of before tells times only.
    return { kind, value, expiresAt, issuedUntil, generation: typeof generation === 'number' ? generation : undefined }
  }
  return kind === 'jti' || kind === 'family' || kind === 'credential' ? { kind, value, expiresAt } : undefined
}

/** Two heartbeats and a half; milliseconds. */
function silenceOf(heartbeat: unknown): number {
  return typeof heartbeat === 'number' && heartbeat >= 0.1 && heartbeat <= 60 ? heartbeat * 2500 : PATIENCE_MS
}

interface Watchdog {
  heard(): void
  stop(): void
}

function watchdog(ms: number, act: () => void): Watchdog {
  const timer = setTimeout(act, ms).unref()
  return { heard: () => void timer.refresh(), stop: () => clearTimeout(timer) }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms).unref()
    if (signal.aborted) done()
    else signal.addEventListener('abort', done)
  })
}
