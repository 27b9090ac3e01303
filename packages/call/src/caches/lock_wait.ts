// Waiting for a lock that others may hold, and not for ever. What a lock is: lock_file.ts, key_value_cache.ts.

export type Release = () => Promise<void>

export interface WaitOptions {
  /** Milliseconds. */
  readonly monotonic: () => number
  readonly random: () => number
  /** Milliseconds after which it is given up. */
  readonly waitMs: number
}

/** Tries until it has the lock; undefined if it did not get it in time. @throws what `attempt` throws. */
export async function acquire(attempt: () => Promise<Release | undefined>, options: WaitOptions): Promise<Release | undefined> {
  const { monotonic, random, waitMs } = options
  const begun = monotonic()
  let waited = 0
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    const release = await attempt()
    if (release) return release
    if (Math.max(waited, monotonic() - begun) >= waitMs) return undefined
    // Spread, so that those who wait do not all look in one moment.
    const ms = Math.min(pause * (0.5 + random()), waitMs)
    await new Promise<void>((resume) => {
      setTimeout(resume, ms)
    })
    waited += ms
  }
}

const FIRST_PAUSE_MS = 4
const LONGEST_PAUSE_MS = 80
