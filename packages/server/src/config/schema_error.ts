// What zod found wrong, as sentences for an operator: one for each place. Never quotes a value, which may be a secret.
import type { z } from 'zod'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

/** One sentence for each mistake, in the order found: `realms[0].id is missing.` */
export function schemaLines(issues: readonly Issue[], input: unknown): string[] {
  return issues.flatMap((issue) => lines(issue, [], input))
}

function lines(issue: Issue, above: Path, input: unknown): string[] {
  const path = [...above, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${placeOf([...path, key])} is not known here, where there may be ${issue.message}.`)
  }
  if (issue.code === 'invalid_key') return [`${placeOf(path)} ${issue.issues[0]?.message ?? 'has a name that cannot be'}.`]
  if (issue.code === 'invalid_union') return unionLines(issue, path, input)
  return [`${placeOf(path)} ${meaning(issue, valueAt(input, path))}.`]
}

/** Of the forms a value may have, the operator meant the one whose own kind fits. */
function unionLines(issue: z.core.$ZodIssueInvalidUnion, path: Path, input: unknown): string[] {
  const fitting = issue.errors.find((issues) => issues.every((one) => one.path.length > 0 || one.code !== 'invalid_type'))
  if (fitting) return fitting.flatMap((one) => lines(one, path, input))
  const value = valueAt(input, path)
  if (value === undefined) return [`${placeOf(path)} is missing.`]
  const kinds = issue.errors.flatMap((issues) =>
    issues.flatMap((one) => (one.code === 'invalid_type' ? [KINDS[one.expected] ?? one.expected] : [])),
  )
  return [`${placeOf(path)} must be ${[...new Set(kinds)].join(' or ')}.`]
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

function meaning(issue: Issue, value: unknown): string {
  if (value === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) return 'is missing'
  if (issue.code === 'invalid_type') return `must be ${KINDS[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`
  return issue.message
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = Reflect.get(value, step) as unknown
  }
  return value
}

function placeOf(path: Path): string {
  const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  return place === '' ? 'The configuration' : place.replace(/^\./, '')
}
