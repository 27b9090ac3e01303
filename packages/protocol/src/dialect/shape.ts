// A few words to say what a JSON document must look like, and to name every place where it does not.
// Here so that this package needs no schema library; check.ts says the Dialect in these words.

export interface Problem {
  /** Where: `token_request.encodings[1]`. */
  readonly path: string
  /** What must be: `must be one of form, json`. */
  readonly message: string
}

export type Shape = (value: unknown, path: string, problems: Problem[]) => void

function fail(problems: Problem[], path: string, message: string): void {
  problems.push({ path, message })
}

export function text(pattern: RegExp, meaning: string): Shape {
  return (value, path, problems) => {
    if (typeof value !== 'string' || !pattern.test(value)) fail(problems, path, `must be ${meaning}`)
  }
}

export function oneOf(...values: readonly (string | null)[]): Shape {
  return (value, path, problems) => {
    if (!(values as readonly unknown[]).includes(value)) fail(problems, path, `must be one of ${values.join(', ')}`)
  }
}

export const flag: Shape = (value, path, problems) => {
  if (typeof value !== 'boolean') fail(problems, path, 'must be true or false')
}

export function integer(least: number, most: number): Shape {
  return (value, path, problems) => {
    if (!Number.isInteger(value) || Number(value) < least || Number(value) > most) {
      fail(problems, path, `must be a whole number from ${least} to ${most}`)
    }
  }
}

export function orNull(shape: Shape): Shape {
  return (value, path, problems) => {
    if (value !== null) shape(value, path, problems)
  }
}

export function list(of: Shape, least = 0, most = 64): Shape {
  return (value, path, problems) => {
    if (!Array.isArray(value)) return fail(problems, path, 'must be a list')
    if (value.length < least || value.length > most) fail(problems, path, `must have ${least} to ${most} entries`)
    for (const [index, one] of value.slice(0, most).entries()) of(one, `${path}[${index}]`, problems)
  }
}

/** An object with any member names, all values alike. */
export function record(of: Shape, names: Shape = text(/^.{1,128}$/, 'a name of 1 to 128 characters')): Shape {
  return (value, path, problems) => {
    if (!isPlainObject(value)) return fail(problems, path, 'must be an object')
    const entries = Object.entries(value)
    if (entries.length > 256) fail(problems, path, 'must have at most 256 members')
    for (const [name, one] of entries.slice(0, 256)) {
      names(name, `${path}.${name} (its name)`, problems)
      of(one, `${path}.${name}`, problems)
    }
  }
}

/** An object with exactly these members; those in `optional` may be missing. */
export function object(required: Readonly<Record<string, Shape>>, optional: Readonly<Record<string, Shape>> = {}): Shape {
  return (value, path, problems) => {
    if (!isPlainObject(value)) return fail(problems, path || '(document)', 'must be an object')
    const under = (name: string): string => (path === '' ? name : `${path}.${name}`)
    for (const [name, shape] of Object.entries(required)) {
      if (Object.hasOwn(value, name)) shape(value[name], under(name), problems)
      else fail(problems, under(name), 'is missing')
    }
    for (const [name, one] of Object.entries(value)) {
      if (Object.hasOwn(required, name)) continue
      const shape = Object.hasOwn(optional, name) ? optional[name] : undefined
      if (shape) shape(one, under(name), problems)
      else fail(problems, under(name), 'is not a member of a dialect document')
    }
  }
}

/** Any JSON value, not deeper than 8. */
export const json: Shape = (value, path, problems) => {
  if (!isJson(value, 8)) fail(problems, path, 'must be a JSON value, at most 8 levels deep')
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isJson(value: unknown, depth: number): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (depth === 0) return false
  if (Array.isArray(value)) return value.every((one) => isJson(one, depth - 1))
  return isPlainObject(value) && Object.values(value).every((one) => isJson(one, depth - 1))
}
