// The laws of docs/ARCHITECTURE.md as pure functions: sources in, offences out. Which room lies on which floor is the caller's data.
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { SourceFile } from './source.ts'
import { packageOf, resolveRelative } from './source.ts'

/** One broken law. `law` is a whole sentence that says what holds. */
export interface Offence {
  readonly file: string
  readonly law: string
}

/** What a package may be made of. */
export interface PackagePlan {
  /** Folder that holds the sources, from the repository's root: `packages/x/src`. */
  readonly source: string
  /** Room -> floor. A room is a folder directly in `source`; '' is the files beside the folders. */
  readonly floors: Readonly<Record<string, number>>
  /** Packages its sources may import. */
  readonly imports: readonly string[]
}

/** Something that may be named only at a few places. */
export interface Reservation {
  readonly what: string
  /** Matches an imported specifier; or, when `code` is given, that is matched against the code instead. */
  readonly specifier?: RegExp
  readonly code?: RegExp
  /** Paths it is reserved from: all files that match. */
  readonly within: RegExp
  /** Paths that may have it. */
  readonly allowed: readonly RegExp[]
  readonly law: string
}

export function floors(files: readonly SourceFile[], plans: readonly PackagePlan[]): Offence[] {
  const offences: Offence[] = []
  for (const file of files) {
    const plan = planOf(file.path, plans)
    if (plan === undefined) {
      offences.push({ file: file.path, law: 'Every source file belongs to a package of the floor table.' })
      continue
    }
    const room = roomOf(file.path, plan)
    const floor = plan.floors[room]
    if (floor === undefined)
      offences.push({ file: file.path, law: `The room '${room}' has no floor: every room stands in the floor table.` })
    else offences.push(...upwardImports(file, plan, room, floor))
  }
  return offences
}

/** Package arrows: which packages a source may name, and that another package is entered by its exports only. */
export function arrows(files: readonly SourceFile[], plans: readonly PackagePlan[]): Offence[] {
  const offences: Offence[] = []
  for (const file of files) {
    const plan = planOf(file.path, plans)
    if (plan === undefined) continue
    for (const specifier of file.imports) {
      const target = resolveRelative(file.path, specifier)
      if (target === undefined) {
        const name = packageOf(specifier)
        if (!isBuiltin(specifier) && !plan.imports.includes(name)) {
          offences.push({ file: file.path, law: `${plan.source} may not import '${name}': it may import ${listed(plan.imports)}.` })
        }
      } else if (!inside(target, plan.source)) {
        offences.push({ file: file.path, law: `'${specifier}' leaves the package: another package is entered through its exports.` })
      }
    }
  }
  return offences
}

export function reserved(files: readonly SourceFile[], reservations: readonly Reservation[]): Offence[] {
  const offences: Offence[] = []
  for (const file of files) {
    for (const { what, specifier, code, within, allowed, law } of reservations) {
      if (!within.test(file.path) || allowed.some((pattern) => pattern.test(file.path))) continue
      const broken = code === undefined ? file.imports.some((name) => specifier?.test(name)) : code.test(file.code)
      if (broken) offences.push({ file: file.path, law: `${what} is here, but ${law}` })
    }
  }
  return offences
}

/** A file-level circle, told once, from the first of its files by name. Types count: a circle of types is a circle of ideas. */
export function circles(files: readonly SourceFile[]): Offence[] {
  const known = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const offences: Offence[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const file = known.get(path)
    if (file === undefined || done.has(path)) return
    const start = trail.indexOf(path)
    if (start >= 0) {
      const circle = [...trail.slice(start), path].map((step) => posix.basename(step))
      offences.push({ file: path, law: `Imports never go round in a circle: ${circle.join(' -> ')}.` })
      return
    }
    for (const specifier of file.imports) {
      const target = resolveRelative(path, specifier)
      if (target !== undefined) visit(target, [...trail, path])
    }
    done.add(path)
  }
  for (const path of [...known.keys()].sort()) visit(path, [])
  return offences
}

/**
 * Adapters of one port are strangers: a file in a folder `adapters` imports no other adapter of that folder.
 * `sqlite.ts` and `sqlite_error.ts` are one adapter: its name is the file's first word.
 */
export function strangers(files: readonly SourceFile[]): Offence[] {
  return files.flatMap((file) => {
    const folder = posix.dirname(file.path)
    if (posix.basename(folder) !== 'adapters') return []
    const met = file.imports.filter((specifier) => {
      const target = resolveRelative(file.path, specifier) ?? ''
      return posix.dirname(target) === folder && firstWord(target) !== firstWord(file.path)
    })
    return met.map((specifier) => ({ file: file.path, law: `Adapters never meet: '${specifier}' is its neighbour.` }))
  })
}

/** A room is named for its subject. */
export function namelessRooms(paths: readonly string[]): Offence[] {
  const offending = paths.filter((path) => path.split('/').some((part) => NAMELESS.test(part.replace(/\..*$/, ''))))
  return offending.map((file) => ({
    file,
    law: "No room or file is called utils, helpers, common, shared, types or misc: name what it's about.",
  }))
}

/** A file of nothing but re-exports hides where things live. */
export function barrels(files: readonly SourceFile[]): Offence[] {
  const barrel = files.filter(({ code }) => {
    const rest = code.replaceAll(REEXPORT, '').replaceAll(IMPORT_STATEMENT, '').replaceAll(EXPORT_LIST, '')
    return rest.trim() === '' && code.includes('export')
  })
  return barrel.map(({ path }) => ({ file: path, law: 'No barrel inside a package: import a thing from the file that owns it.' }))
}

export function headers(files: readonly SourceFile[]): Offence[] {
  const bare = files.filter(({ text }) => !/^(?:#![^\n]*\n)?(?:\/\/ ?\S|\/\*)/.test(text))
  return bare.map(({ path }) => ({ file: path, law: 'A source file opens with a comment: what it owns, what it does not, its RFC.' }))
}

/** @param limit most lines a file may have; `excused` names the files that may be longer for now. */
export function lengths(files: readonly SourceFile[], limit: number, excused: readonly string[]): Offence[] {
  const long = files.filter(({ path, text }) => lineCount(text) > limit && !excused.includes(path))
  return long.map(({ path, text }) => ({
    file: path,
    law: `A file has at most ${limit} lines and this one has ${lineCount(text)}: it is two files.`,
  }))
}

const NAMELESS = /^(?:utils?|helpers?|common|shared|types?|misc)$/
const REEXPORT = /\bexport\s+(?:type\s+)?(?:\*(?:\s+as\s+[\w$]+)?|\{[^}]*\})\s*from\s*(['"])\s*\1(?:\s*with\s*\{[^}]*\})?;?/g
const IMPORT_STATEMENT = /\bimport\s+(?:[\w$\s{},*]+?\s*from\s*)?(['"])\s*\1;?/g
const EXPORT_LIST = /\bexport\s+(?:type\s+)?\{[^}]*\}\s*;?/g

function upwardImports(file: SourceFile, plan: PackagePlan, room: string, floor: number): Offence[] {
  const offences: Offence[] = []
  for (const specifier of file.imports) {
    const target = resolveRelative(file.path, specifier)
    if (target === undefined || !inside(target, plan.source)) continue
    const other = roomOf(target, plan)
    const otherFloor = plan.floors[other]
    if (other === room || otherFloor === undefined || otherFloor < floor) continue
    const why = otherFloor === floor ? 'rooms on one floor never import each other' : 'imports run down'
    offences.push({ file: file.path, law: `'${specifier}' is in room '${other}' on floor ${otherFloor}, this is floor ${floor}: ${why}.` })
  }
  return offences
}

function planOf(path: string, plans: readonly PackagePlan[]): PackagePlan | undefined {
  return plans.find((plan) => inside(path, plan.source))
}

function roomOf(path: string, plan: PackagePlan): string {
  const parts = path.slice(plan.source.length + 1).split('/')
  return parts.length === 1 ? '' : (parts[0] ?? '')
}

function inside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
}

function firstWord(path: string): string {
  return posix.basename(path).split(/[_.]/)[0] ?? ''
}

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ')
}
