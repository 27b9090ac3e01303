// The dialects of a realm, from the operator's documents to the checked ones. Realms with the same document have the same dialect: what is
// made of it is made once. Whether they can stand side by side is dialect.ts's.
import type { Dialect, DialectDocument } from '@countersign/protocol/dialect/dialect'
import { BUILTIN_DIALECTS, DialectError, resolveDialect } from '@countersign/protocol/dialect/resolve'
import { dialectCollisions } from './dialect.ts'
import type { Findings } from './error.ts'
import { findTwice } from './error.ts'
import type { RealmInput } from './input.ts'

export type DialectReader = (input: RealmInput, path: string, findings: Findings) => Dialect[]

/** For one configuration. */
export function createDialectReader(): DialectReader {
  /** By the text of the document and of what the realm says to it; those with mistakes are not kept, so that each realm hears of its own. */
  const known = new Map<string, Dialect>()
  const read = (document: string | DialectDocument, { verbatim }: RealmInput, path: string, findings: Findings): Dialect | undefined => {
    const name = JSON.stringify([document, verbatim])
    const dialect = known.get(name) ?? spoken(resolveOne(document, path, findings), verbatim)
    if (dialect) known.set(name, dialect)
    return dialect
  }
  return (input, path, findings) => {
    const documents = input.dialects ?? ['standard']
    const dialects = documents.flatMap((document, index) => read(document, input, `${path}.dialects[${index}]`, findings) ?? [])
    findTwice(
      findings.mistakes,
      dialects.map((one, index) => ({ path: `${path}.dialects[${index}].name`, text: one.name })),
      'a realm serves each dialect once, under its own name',
    )
    findings.mistakes.push(...dialectCollisions(dialects, input.id, `${path}.dialects`))
    return dialects
  }
}

function spoken(dialect: Dialect | undefined, verbatim: boolean | undefined): Dialect | undefined {
  return dialect === undefined || verbatim === undefined || verbatim === dialect.verbatim ? dialect : { ...dialect, verbatim }
}

function resolveOne(document: string | DialectDocument, path: string, { mistakes }: Findings): Dialect | undefined {
  try {
    // Those are checked where they are written, not again for each realm.
    return (typeof document === 'string' ? BUILTIN_DIALECTS.get(document) : undefined) ?? resolveDialect(document)
  } catch (error) {
    if (!(error instanceof DialectError)) throw error
    for (const one of error.problems) {
      const whole = one.path === '(name)' || one.path === '(document)'
      mistakes.push({ path: whole ? path : `${path}.${one.path}`, message: one.message })
    }
    return undefined
  }
}
