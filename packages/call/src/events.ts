// What a client tells of itself while it works: plain data, never a credential. It decides nothing.
import type { Quota } from './budget.ts'
import type { DiscoveryFailed, TokenRequestFailed } from './errors.ts'

/** Each event with what it tells. Moments are epoch seconds by this machine's clock. */
export interface ClientEvents {
  /** A token came into use. `shared`: another client or process had asked for it. `same`: the server handed out the one held again. */
  readonly token: { readonly expiresAt: number; readonly lifetime: number; readonly how: 'new' | 'refreshed' | 'same' | 'shared' }
  /** A token request failed; the next one goes out at `retryAt` at the earliest. */
  readonly failure: { readonly error: TokenRequestFailed | DiscoveryFailed; readonly retryAt: number }
  /** The API refused a token. `renewed` false: another was asked for lately, so this one is kept. */
  readonly rejected: { readonly renewed: boolean }
  /** The server told what is left of the token budget. */
  readonly budget: { readonly quota: Quota }
}

/** Listens until the function that comes back is called. What a listener throws is dropped: it is not the caller's affair. */
export type On = <Name extends keyof ClientEvents>(event: Name, listener: (told: ClientEvents[Name]) => void) => () => void
export type Emit = <Name extends keyof ClientEvents>(event: Name, told: ClientEvents[Name]) => void

export function createEvents(): { readonly on: On; readonly emit: Emit } {
  const listeners = new Set<readonly [keyof ClientEvents, (told: never) => void]>()
  return {
    on(event, listener) {
      const entry = [event, listener] as const
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    emit(event, told) {
      for (const [name, listener] of listeners) {
        if (name !== event) continue
        try {
          // Entries are made by `on` alone, which lets in only listeners of their event.
          listener(told as never)
        } catch {
          // See `On`.
        }
      }
    },
  }
}
