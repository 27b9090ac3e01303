// Values that programs stumble over: at the ends of ranges, in odd encodings, of other types, or long.
import type { Dice } from './dice.ts'

const TEXTS: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  '9007199254740993',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  '\0',
  'a\0b',
  '\r\nx-injected: 1',
  '\u0085\u2028',
  '\ufeffx',
  '\ud800',
  '\u{1f512}'.repeat(20),
  'İıſK',
  '%',
  '%00',
  '%ff%fe',
  '%25%32%35',
  '+',
  '&=&=',
  "' OR 1=1 --",
  '"><script>',
  '../../etc/passwd',
  '..%2f..%2f',
  '{"a":',
  '[]',
  '*',
  ',',
  'a,b',
  'Basic',
  'Bearer',
  'DPoP',
  'bearer  x',
  'a.b.c',
  '..',
  'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.',
  'eyJhbGciOiJIUzI1NiJ9.bnVsbA.AAAA',
  'sha256:',
  'http://[::1',
  'https://a#b',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:token-type:id_token',
  'authorization_code',
  'application/json; charset=utf-16',
  'W/"x"',
]

export function awkwardText(dice: Dice): string {
  if (dice.chance(0.1)) return dice.pick(['a', 'A.', '%41', 'é', '[', '\\', ' ']).repeat(dice.pick([100, 1000, 5000, 20_000]))
  if (dice.chance(0.2))
    return Array.from({ length: dice.below(30) }, () => String.fromCharCode(dice.below(dice.pick([128, 256, 65_536])))).join('')
  return dice.pick(TEXTS)
}

const NUMBERS = [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, -Number.MAX_VALUE, 4_102_444_800, 1e15]

export function awkwardJson(dice: Dice, depth = 0): unknown {
  const kind = dice.below(depth > 3 ? 4 : 7)
  if (kind === 0) return dice.pick(NUMBERS)
  if (kind === 1) return dice.pick([null, true, false])
  if (kind <= 3) return awkwardText(dice)
  if (kind === 4) return Array.from({ length: dice.below(4) }, () => awkwardJson(dice, depth + 1))
  if (kind === 5) return Math.floor(Date.now() / 1000) + dice.below(600) - 300
  return Object.fromEntries(Array.from({ length: dice.below(4) }, () => [awkwardText(dice), awkwardJson(dice, depth + 1)]))
}

/** The same with a few characters changed, cut off or put in. */
export function damaged(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1)
  const way = dice.below(4)
  if (way === 0) return text.slice(0, at)
  if (way === 1) return text.slice(0, at) + dice.pick(TEXTS) + text.slice(at)
  if (way === 2) return text.slice(0, at) + text.slice(at + 1 + dice.below(3))
  return text + text
}
