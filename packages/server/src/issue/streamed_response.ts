// An answer that stays open, as plain data and two ends. Owns no connection.

/** Where an answer that stays open is written. */
export interface Outlet {
  /** False: so much waits already that nobody seems to read; nothing of it is lost until `end`. */
  readonly write: (text: string) => boolean
  /** Resolves when what was written has been taken, or the connection is gone. */
  readonly drained: () => Promise<void>
  readonly end: () => void
}

/** An answer that stays open: its head, and what writes the rest. */
export interface StreamedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Called when the head has left. @returns what is called when the connection is gone */
  readonly begin: (outlet: Outlet) => () => void
}
