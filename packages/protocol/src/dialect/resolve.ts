// From what an operator wrote (a name, a whole document, or one that extends a built-in) to a checked Dialect.
import { auth0 } from './builtin/auth0.ts'
import { keycloak } from './builtin/keycloak.ts'
import { standard } from './builtin/standard.ts'
import { webcommander } from './builtin/webcommander.ts'
import { dialectProblems } from './check.ts'
import type { Dialect, DialectDocument } from './dialect.ts'
import type { Problem } from './shape.ts'
import { isPlainObject } from './shape.ts'

export const BUILTIN_DIALECTS: ReadonlyMap<string, Dialect> = new Map(
  [standard, keycloak, auth0, webcommander].map((one) => [one.name, one]),
)

/** The document is no dialect; `problems` says where and why. */
export class DialectError extends Error {
  override readonly name = 'DialectError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map((one) => `${one.path} ${one.message}`).join('; '))
    this.problems = problems
  }
}

/**
 * @param document a built-in's name, a whole document, or `{ extends: 'keycloak', name: 'ours', ... }`: objects are merged, lists replaced.
 * @throws DialectError
 */
export function resolveDialect(document: string | DialectDocument): Dialect {
  if (typeof document !== 'string' && !isPlainObject(document)) {
    throw new DialectError([{ path: '(document)', message: "must be a built-in dialect's name or an object" }])
  }
  const whole = typeof document === 'string' ? builtin(document, '(name)') : merged(document)
  const problems = dialectProblems(whole)
  if (problems.length > 0) throw new DialectError(problems)
  return whole as Dialect
}

function merged(document: DialectDocument): unknown {
  const { extends: base, ...own } = document
  if (base === undefined) return own
  return merge(builtin(base, 'extends'), own)
}

function builtin(name: string, path: string): Dialect {
  const dialect = BUILTIN_DIALECTS.get(name)
  if (!dialect) throw new DialectError([{ path, message: `must be one of ${[...BUILTIN_DIALECTS.keys()].join(', ')}` }])
  return dialect
}

function merge(base: unknown, own: unknown): unknown {
  if (!isPlainObject(base) || !isPlainObject(own)) return own
  const changed = Object.entries(own).map(([name, value]): [string, unknown] => [
    name,
    Object.hasOwn(base, name) ? merge(base[name], value) : value,
  ])
  // fromEntries defines members, where assigning `__proto__` would hide it from the check.
  return Object.fromEntries([...Object.entries(base), ...changed])
}
