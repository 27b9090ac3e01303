// Mistakes in a configuration, collected so that all of them are told at once. Knows nothing of what is configured.
import type { Problem } from '@countersign/protocol/dialect/shape'

/** The configuration cannot be used. Every line is one sentence that names the place and the mend, and holds no secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('\n'))
    this.lines = lines
  }
}

/** What was found so far. `path` is the place (`realms[0].id`), `message` the rest of the sentence. */
export interface Findings {
  readonly mistakes: Problem[]
  /** Usable, but an operator should know. */
  readonly warnings: Problem[]
}

export function noFindings(): Findings {
  return { mistakes: [], warnings: [] }
}

/** `realms[0].id is missing.` */
export function sentence({ path, message }: Problem): string {
  return `${path} ${message}.`
}

/** Adds one mistake for each entry of `texts` that came before. */
export function findTwice(mistakes: Problem[], texts: readonly { readonly path: string; readonly text: string }[], what: string): void {
  const seen = new Map<string, string>()
  for (const { path, text } of texts) {
    const first = seen.get(text)
    if (first === undefined) seen.set(text, path)
    else mistakes.push({ path, message: `is '${text}' like ${first}: ${what}` })
  }
}
