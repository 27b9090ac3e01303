// Reads a TypeScript source as text: which modules it imports, and its code with comments and strings blanked.
// A small lexer, no compiler: it must read every file of this repository, not every file there could be.
import { posix } from 'node:path'

/** One file as the laws see it. */
export interface SourceFile {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with every comment and every string's inside turned into spaces; same length, same lines. */
  readonly code: string
  /** Module specifiers in order: static, side-effect, dynamic imports, `import('x')` types, `require` and re-exports. */
  readonly imports: readonly string[]
  /** How many dynamic imports have no literal specifier. */
  readonly computedImports: number
}

export function readSource(path: string, text: string): SourceFile {
  const code = blank(text)
  const imports: string[] = []
  for (const match of code.matchAll(IMPORT)) {
    const open = match.index + match[0].length - 1
    const quote = code.charAt(open)
    imports.push(text.slice(open + 1, code.indexOf(quote, open + 1)))
  }
  return { path, text, code, imports, computedImports: [...code.matchAll(COMPUTED_IMPORT)].length }
}

/** The path a relative specifier names, seen from `from`; undefined for a package or a built-in. */
export function resolveRelative(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined
}

/** `@scope/name/deep` -> `@scope/name`, `name/deep` -> `name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

// `from` straight before a string stands only in imports and re-exports, so the clause itself need not be read.
const IMPORT = /(?<![.\w$])(?:from\s*|import\s*|(?:import|require)\s*\(\s*)['"]/g
const COMPUTED_IMPORT = /(?<![.\w$])(?:import|require)\s*\(\s*(?!['"\s])/g

// After these words a slash opens a regular expression; after any other word it divides.
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield|instanceof)$/

function blank(text: string): string {
  const out = text.replaceAll(/[^\n]/g, ' ').split('')
  copy(text, out, 0, false)
  return out.join('')
}

/** Copies code to `out` from `start` to the end, or, inside a template, to its closing brace. Returns where it stopped. */
function copy(text: string, out: string[], start: number, inTemplate: boolean): number {
  let depth = 0
  let at = start
  if (at === 0 && text.startsWith('#!')) at = endOfLine(text, 0)
  while (at < text.length) {
    const char = text.charAt(at)
    const next = text.charAt(at + 1)
    if (char === '/' && next === '/') at = endOfLine(text, at)
    else if (char === '/' && next === '*') at = after(text, '*/', at + 2)
    else if (char === "'" || char === '"') at = quoted(text, out, at, char)
    else if (char === '`') at = template(text, out, at)
    else if (char === '/' && opensRegex(out, at)) at = regex(text, out, at)
    else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      if (inTemplate && depth < 0) return at
      out[at] = char
      at += 1
    }
  }
  return at
}

function quoted(text: string, out: string[], start: number, quote: string): number {
  let at = start + 1
  while (at < text.length && text.charAt(at) !== quote && text.charAt(at) !== '\n') at += text.charAt(at) === '\\' ? 2 : 1
  out[start] = quote
  out[at] = quote
  return at + 1
}

function template(text: string, out: string[], start: number): number {
  let at = start + 1
  out[start] = '`'
  while (at < text.length && text.charAt(at) !== '`') {
    if (text.charAt(at) === '\\') at += 2
    else if (text.startsWith('${', at)) at = copy(text, out, at + 2, true) + 1
    else at += 1
  }
  out[at] = '`'
  return at + 1
}

function regex(text: string, out: string[], start: number): number {
  let at = start + 1
  let inClass = false
  while (at < text.length && text.charAt(at) !== '\n' && (inClass || text.charAt(at) !== '/')) {
    if (text.charAt(at) === '[') inClass = true
    if (text.charAt(at) === ']') inClass = false
    at += text.charAt(at) === '\\' ? 2 : 1
  }
  out[start] = '/'
  out[at] = '/'
  return at + 1
}

function opensRegex(out: readonly string[], at: number): boolean {
  const before = out
    .slice(Math.max(0, at - 40), at)
    .join('')
    .trimEnd()
  return before === '' || /[([{,;=:?!&|+\-*%<>~^}]$/.test(before) || BEFORE_REGEX.test(before)
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function after(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from)
  return end < 0 ? text.length : end + mark.length
}
