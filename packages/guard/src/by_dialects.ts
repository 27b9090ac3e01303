// What is made of dialects alone is made once for all guards that read the same ones: ten thousand guards hold one of it, and its one copy
// stays in the processor's caches. Knows nothing of what is made.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'

/** @param make its result is shared, and so nobody may be able to change it */
export function onceByDialects<Made extends object>(make: (dialects: readonly CompiledDialect[]) => Made): typeof make {
  const root = createStep<Made>()
  return (dialects) => {
    let step = root
    for (const dialect of dialects) {
      const next = step.next.get(dialect) ?? createStep<Made>()
      step.next.set(dialect, next)
      step = next
    }
    step.made ??= make(dialects)
    return step.made
  }
}

/** From the dialects so far to those with one more: nothing is kept longer than the dialects themselves. */
interface Step<Made> {
  made: Made | undefined
  readonly next: WeakMap<CompiledDialect, Step<Made>>
}

const createStep = <Made>(): Step<Made> => ({ made: undefined, next: new WeakMap() })
