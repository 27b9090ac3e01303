// Whether the names in one place of a configuration are known in another, and the sentence for one that is not.
import type { Findings } from './error.ts'

/** A mistake for each name that is not among `known`. */
export function named(
  names: readonly string[] | undefined,
  path: string,
  known: readonly string[],
  otherwise: string,
  mistakes: Findings['mistakes'],
  indexed = true,
): void {
  for (const [index, name] of (names ?? []).entries()) {
    if (known.includes(name)) continue
    const choice = known.length > 0 ? known.join(', ') : 'there are none'
    mistakes.push({ path: indexed ? `${path}[${index}]` : path, message: `is '${name}', which ${otherwise} (${choice})` })
  }
}
