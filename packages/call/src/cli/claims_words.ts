// A JWT's header and claims as lines a person reads. Whoever wrote the token wrote these values: nothing of them reaches the terminal raw.
import type { UnverifiedJwt } from '@countersign/protocol/jose/jwt'
import { duration, localTime } from './time_words.ts'
import { visible } from './visible.ts'

/** @param now epoch seconds. */
export function describeToken({ header, claims }: UnverifiedJwt, now: number): string {
  const head = Object.entries(header.members).map(([name, value]) => line(HEADER_WORDS[name] ?? name, plain(value)))
  const known = Object.entries(CLAIM_WORDS).filter(([name]) => Object.hasOwn(claims, name))
  const named = known.map(([name, word]) => line(word, TIMES.has(name) ? moment(claims[name], now, name) : plain(claims[name])))
  const others = Object.entries(claims).filter(([name]) => !Object.hasOwn(CLAIM_WORDS, name))
  return `Header\n${head.join('')}\nClaims\n${named.join('')}${binding(claims['cnf'])}${others.map(([name, value]) => line(name, plain(value))).join('')}`
}

/** Of a bound token: who shows it must prove that he has the key. RFC 7800, 8705, 9449. */
function binding(cnf: unknown): string {
  if (typeof cnf !== 'object' || cnf === null) return ''
  const kind = Object.hasOwn(cnf, 'jkt') ? 'a key (DPoP): each call needs a proof of it' : 'a key'
  return line('bound to', Object.hasOwn(cnf, 'x5t#S256') ? 'a certificate (mutual TLS)' : kind)
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

function line(word: string, value: string): string {
  return `  ${visible(word).slice(0, 60).padEnd(WIDTH)} ${value}\n`
}

function plain(value: unknown): string {
  const list: readonly unknown[] | undefined = Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
  return visible(list?.join(', ') ?? (typeof value === 'string' ? value : JSON.stringify(value)))
}

function moment(value: unknown, now: number, name: string): string {
  if (typeof value !== 'number' || Math.abs(value) > 8.64e12) return `${plain(value)} (not a time)`
  const distance = Math.round(value - now)
  const words = duration(Math.abs(distance))
  if (name === 'exp' && distance <= 0) return `${localTime(value)} (EXPIRED ${words} ago)`
  if (name !== 'exp' && distance > 0) return `${localTime(value)} (in the FUTURE, in ${words})`
  return `${localTime(value)} (${distance > 0 ? `in ${words}` : `${words} ago`})`
}
