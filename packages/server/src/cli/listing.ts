// What commands print: aligned tables, times, and words from outside made harmless for a terminal. Owns no words of its own.

/** Columns two blanks apart, a line end behind every row. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows].map((cells) => cells.map(printable))
  const widths = head.map((_, column) => lines.reduce((most, cells) => Math.max(most, cells[column]?.length ?? 0), 0))
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** Epoch seconds as `2026-11-21T10:00:00Z`. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

/**
 * Every control and format character as `\u{1b}`: what somebody else wrote must neither move a cursor, end a line, nor reverse what is
 * read. JSON.stringify lets some of them pass.
 */
export function printable(text: string): string {
  return text.replace(HOSTILE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`)
}

/** JSON that is harmless too, and means the same: inside its strings alone such characters may stand. @param indent blanks a level; 0: one line */
export function jsonText(value: unknown, indent = 0): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, indent).replace(HOSTILE_IN_JSON, (one) => one.split('').map(escaped).join(''))
}

const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
/** The line ends of indented JSON stay. */
const HOSTILE_IN_JSON = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
