// The house's SQL texts as PostgreSQL wants them: `?` numbered, and a name under which each connection keeps it prepared.

export interface NamedText {
  /** undefined: not to be prepared. */
  readonly name: string | undefined
  readonly text: string
}

/** The texts are constants, so there are few; more than this would be a mistake that fills the server's memory. */
const MOST_NAMES = 1000

export const createTexts = (): ((sql: string) => NamedText) => {
  const known = new Map<string, NamedText>()
  return (sql) => {
    const before = known.get(sql)
    if (before !== undefined) return before
    let number = 0
    const text = sql.replaceAll('?', () => {
      number += 1
      return `$${number}`
    })
    if (known.size >= MOST_NAMES) return { name: undefined, text }
    const made = { name: `countersign_${known.size}`, text }
    known.set(sql, made)
    return made
  }
}
