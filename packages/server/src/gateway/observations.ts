// What became of admitted requests, kept until it is written behind the answers, all together. Owns no count: that was durable before.
import type { Metering, Observation } from '../model/metering.ts'

export interface Observations {
  note(observation: Observation): void
  /** Writes what was noted since the last call. What cannot be written now is kept for the next one. */
  flush(): Promise<void>
}

/** Kept while the store cannot write; of what comes beyond, the oldest is lost. Half a minute of a busy gateway. */
const MOST_KEPT = 500_000
/** Written by one call, so that no transaction holds the event loop for long. */
const TOGETHER = 5000

export function createObservations({ observe }: Pick<Metering, 'observe'>): Observations {
  let noted: Observation[] = []
  return {
    note(observation) {
      noted.push(observation)
      if (noted.length > MOST_KEPT) noted = noted.slice(MOST_KEPT / 2)
    },
    async flush() {
      const writing = noted
      noted = []
      for (let from = 0; from < writing.length; from += TOGETHER) {
        try {
          await observe(writing.slice(from, from + TOGETHER))
        } catch (error) {
          noted = [...writing.slice(from), ...noted]
          throw error
        }
      }
    },
  }
}
