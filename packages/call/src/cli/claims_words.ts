// A JWT's header and claims as lines a person reads. Whoever wrote the token wrote these values: nothing of them reaches the terminal raw.
import type { UnverifiedJwt } from '@countersign/protocol/jose/jwt'

/** @param now epoch seconds. */
export function describeToken({ header, claims }: UnverifiedJwt, now: number): string {
  const head = Object.entries(header.members).map(([name, value]) => line(HEADER_WORDS[name] ?? name, plain(value)))
  const known = Object.entries(CLAIM_WORDS).filter(([name]) => Object.hasOwn(claims, name))
  const named = known.map(([name, word]) => line(word, TIMES.has(name) ? moment(claims[name], now, name) : plain(claims[name])))
  const others = Object.entries(claims).filter(([name]) => !Object.hasOwn(CLAIM_WORDS, name))
  return `Header\n${head.join('')}\nClaims\n${named.join('')}${others.map(([name, value]) => line(name, plain(value))).join('')}`
}

const HEADER_WORDS: Readonly<Record<string, string>> = { alg: 'algorithm', typ: 'type', kid: 'key id' }

const CLAIM_WORDS: Readonly<Record<string, string>> = {
  iss: 'issuer',
  sub: 'subject',
  aud: 'audience',
  client_id: 'client',
  azp: 'authorized party',
  scope: 'scope',
  iat: 'issued',
  nbf: 'not before',
  exp: 'expires',
  jti: 'token id',
}

const TIMES: ReadonlySet<string> = new Set(['iat', 'nbf', 'exp'])
const WIDTH = 18
const MAX_VALUE = 400

function line(word: string, value: string): string {
  return `  ${visible(word).slice(0, 60).padEnd(WIDTH)} ${value}\n`
}

function plain(value: unknown): string {
  const list: readonly unknown[] | undefined = Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
  const text = visible(list?.join(', ') ?? (typeof value === 'string' ? value : JSON.stringify(value)))
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}...` : text
}

/** Control characters, line separators and marks that turn the writing direction, as escapes. */
function visible(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

function moment(value: unknown, now: number, name: string): string {
  if (typeof value !== 'number' || Math.abs(value) > 8.64e12) return `${plain(value)} (not a time)`
  const distance = Math.round(value - now)
  const words = duration(Math.abs(distance))
  if (name === 'exp' && distance <= 0) return `${localTime(value)} (EXPIRED ${words} ago)`
  if (name !== 'exp' && distance > 0) return `${localTime(value)} (in the FUTURE, in ${words})`
  return `${localTime(value)} (${distance > 0 ? `in ${words}` : `${words} ago`})`
}

/** Two largest units. */
function duration(seconds: number): string {
  const units = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const from = units.findIndex(([count]) => count > 0)
  if (from < 0) return '0 s'
  const shown = units.slice(from, from + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}

/** ISO 8601 in the local zone, with its offset. */
function localTime(epoch: number): string {
  const at = new Date(epoch * 1000)
  const offset = -at.getTimezoneOffset()
  const shifted = new Date((epoch + offset * 60) * 1000)
  if (Number.isNaN(shifted.getTime())) return `${epoch}`
  const two = (number: number): string => String(Math.floor(Math.abs(number))).padStart(2, '0')
  return `${shifted.toISOString().slice(0, 19)}${offset < 0 ? '-' : '+'}${two(offset / 60)}:${two(offset % 60)}`
}
