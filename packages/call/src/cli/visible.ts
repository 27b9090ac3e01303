// Text of strangers on a terminal: nothing of it reaches the screen raw.

/** Control characters, line separators and marks that turn the writing direction, as escapes; at most `most` characters. */
export function visible(text: string, most = 400): string {
  const shown = text
    .slice(0, most * 2)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return shown.length > most ? `${shown.slice(0, most)}...` : shown
}
