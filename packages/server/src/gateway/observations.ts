// What became of admitted requests, summed up until it is written behind the answers. Owns no count: that was durable before.
import type { Metering, Observation } from '../model/metering.ts'
import { createObservedSums } from '../model/observed.ts'

export interface Observations {
  note(observation: Observation): void
  /** Writes what was noted since the last call. What cannot be written now is kept for the next one: it is one line an hour and key. */
  flush(): Promise<void>
}

/** Lines of one call, so that no transaction holds the event loop for long. */
const TOGETHER = 1000

export function createObservations({ observe }: Pick<Metering, 'observe'>): Observations {
  const sums = createObservedSums()
  return {
    note: sums.add,
    async flush() {
      const lines = sums.take()
      for (let from = 0; from < lines.length; from += TOGETHER) {
        try {
          await observe(lines.slice(from, from + TOGETHER))
        } catch (error) {
          sums.putBack(lines.slice(from))
          throw error
        }
      }
    },
  }
}
