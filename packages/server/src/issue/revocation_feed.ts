// Revocations pushed to guards in other programs: who listens, what each has been sent, and that none of them costs too much.
// Form: text/event-stream. Owns no truth: every listener reads the store behind its own cursor, so that none misses one or hears one twice.
import type { AccessTokenStore } from '../model/store.ts'
import type { NumberedRevocation } from '../model/token.ts'
import { issuedUntil } from '../model/token.ts'
import type { RevocationList } from './revocation_list.ts'
import type { Outlet } from './streamed_response.ts'

/** A listener that hears nothing for longer may take the connection for dead. */
const HEARTBEAT_SECONDS = 5

/** Listeners of a process, and of one client of them: so many guards may follow. */
const MOST_LISTENERS = 1024
const MOST_OF_A_CLIENT = 128
/** Then a listener has to show its credentials anew: an hour. */
const MOST_BEATS = 3600 / HEARTBEAT_SECONDS
const PAGE = 500

export interface FeedRequest {
  readonly realmId: string
  readonly clientId: string
  /** `Last-Event-ID`; undefined or of another feed: it gets all that are still worth knowing. */
  readonly lastEventId: string | undefined
  /** Asked when anything was changed: whether the client may still listen. */
  readonly mayListen: () => Promise<boolean>
}

export class RevocationFeed {
  readonly #store: AccessTokenStore
  readonly #list: RevocationList
  readonly #name: string
  readonly #isTrusted: () => boolean
  readonly #listeners = new Set<Listener>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /**
   * @param name of this feed alone: numbers that another process or another database gave mean nothing here
   * @param isTrusted false: so long nothing could be known that the guards are to hear nothing either
   */
  constructor(store: AccessTokenStore, list: RevocationList, name: string, isTrusted: () => boolean) {
    this.#isTrusted = isTrusted
    this.#store = store
    this.#list = list
    this.#name = name
  }

  /** Whether one more may listen. */
  hasRoom({ realmId, clientId }: Pick<FeedRequest, 'realmId' | 'clientId'>): boolean {
    if (this.#closed || this.#listeners.size >= MOST_LISTENERS) return false
    let own = 0
    for (const { request } of this.#listeners) if (request.clientId === clientId && request.realmId === realmId) own++
    return own < MOST_OF_A_CLIENT
  }

  /** @returns what is called when the connection is gone. */
  open(request: FeedRequest, outlet: Outlet): () => void {
    const listener = new Listener(request, outlet, this.#store, this.#list, this.#name)
    this.#listeners.add(listener)
    this.#timer ??= setInterval(() => this.#beat(), HEARTBEAT_SECONDS * 1000).unref()
    const unlisten = this.#list.listen(() => listener.pump())
    listener.start()
    return () => {
      unlisten()
      listener.stop()
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  /** A realm, client or key was changed: what a guard keeps of them it must ask for anew. */
  changed(): void {
    for (const listener of this.#listeners) listener.changed()
  }

  /** Ends all connections, so that the server can drain. */
  close(): void {
    this.#closed = true
    for (const listener of this.#listeners) listener.stop()
  }

  #beat(): void {
    if (!this.#isTrusted()) return
    for (const listener of this.#listeners) listener.beat()
  }
}

class Listener {
  readonly request: FeedRequest
  readonly #outlet: Outlet
  readonly #store: AccessTokenStore
  readonly #list: RevocationList
  readonly #name: string
  #cursor: number
  #pumping = false
  /** Counts how often there may have been something new. */
  #asked = 0
  #stopped = false
  #beats = 0

  constructor(request: FeedRequest, outlet: Outlet, store: AccessTokenStore, list: RevocationList, name: string) {
    this.request = request
    this.#outlet = outlet
    this.#store = store
    this.#list = list
    this.#name = name
    this.#cursor = cursorOf(request.lastEventId, name)
  }

  start(): void {
    this.#write('hello', undefined, { sequence: this.#list.sequence, heartbeat: HEARTBEAT_SECONDS })
    this.#pump('caught_up').catch(() => this.stop())
  }

  pump(): void {
    if (this.#stopped) return
    this.#asked++
    if (!this.#pumping) this.#pump(undefined).catch(() => this.stop())
  }

  changed(): void {
    this.#write('changed', undefined, {})
    this.request.mayListen().then(
      (may) => may || this.stop(),
      () => this.stop(),
    )
  }

  beat(): void {
    if (++this.#beats > MOST_BEATS) return this.stop()
    this.#write('beat', this.#pumping ? undefined : this.#cursor, {})
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#outlet.end()
  }

  /** Sends what is behind the cursor, as fast as it is taken. @param last event that tells that all was sent */
  async #pump(last: 'caught_up' | undefined): Promise<void> {
    this.#pumping = true
    try {
      let seen: number
      do {
        seen = this.#asked
        await this.#sendPages()
      } while (seen !== this.#asked && !this.#stopped)
    } finally {
      this.#pumping = false
    }
    if (last !== undefined) this.#write(last, this.#cursor, { sequence: this.#cursor })
  }

  async #sendPages(): Promise<void> {
    let page: readonly NumberedRevocation[]
    do {
      page = await this.#store.revocationsAfter(this.#cursor, PAGE)
      for (const revocation of page) this.#send(revocation)
      await this.#outlet.drained()
    } while (page.length === PAGE && !this.#stopped)
  }

  #send(revocation: NumberedRevocation): void {
    const { realmId, kind, value, expiresAt, sequence } = revocation
    this.#cursor = sequence
    if (realmId !== this.request.realmId) return
    const until = kind === 'client' ? { generation: sequence, issued_until: issuedUntil(revocation) } : {}
    this.#write('revoked', sequence, { kind, value, ...until, expires_at: expiresAt })
  }

  #write(event: string, id: number | undefined, data: Readonly<Record<string, unknown>>): void {
    if (this.#stopped) return
    const name = id === undefined ? '' : `id: ${this.#name}-${id}\n`
    // Whoever does not read is let go; he comes again with the last number he has.
    if (!this.#outlet.write(`event: ${event}\n${name}data: ${JSON.stringify(data)}\n\n`)) this.stop()
  }
}

function cursorOf(lastEventId: string | undefined, name: string): number {
  const [, feed, number] = /^([\w.]{1,40})-(\d{1,15})$/.exec(lastEventId ?? '') ?? []
  return feed === name ? Number(number) : 0
}
