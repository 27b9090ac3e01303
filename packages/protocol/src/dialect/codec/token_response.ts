// Token responses by the dialect's document. RFC 6749 section 5.1, RFC 8693 section 2.2.1. Reader and writer share no value.
import { isScopeToken, writeScope } from '../../oauth/scope.ts'
import type { TokenSet } from '../../oauth/token_response.ts'
import type { Dialect, Json, TokenSource } from '../dialect.ts'
import type { WireResponse } from '../message.ts'
import { jsonAnswerReader, jsonAnswerWriter } from './json_answer.ts'

export interface TokenResponseReader {
  /** @throws UnreadableAnswer if the body is no token response of this dialect. */
  read(response: WireResponse): TokenSet
}

export interface TokenResponseWriter {
  write(tokens: TokenSet): WireResponse
}

export type TokenResponseCodec = TokenResponseReader & TokenResponseWriter

/** A server's answer that is not what its dialect says: a malfunction of that server. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer'
}

/** Fields of every answer that may hold a token or tell of one (RFC 6749 section 5.1). */
export const NO_STORE: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  pragma: 'no-cache',
}

export function tokenResponseWriter({ token_response, verbatim }: Pick<Dialect, 'token_response' | 'verbatim'>): TokenResponseWriter {
  const writeAnswer = jsonAnswerWriter<TokenSource>(token_response, verbatim)
  return { write: (tokens) => ({ status: 200, headers: NO_STORE, body: writeAnswer(valuesOf(tokens)) }) }
}

export function tokenResponseReader({ token_response, verbatim }: Pick<Dialect, 'token_response' | 'verbatim'>): TokenResponseReader {
  const readAnswer = jsonAnswerReader<TokenSource>(token_response, verbatim)
  return { read: (response) => readTokenSet(readAnswer(parseBody(response.body))) }
}

/**
 * @param values the members of an answer in the standard's words; undefined if it was none.
 * @throws UnreadableAnswer
 */
export function readTokenSet(values: Partial<Record<TokenSource, unknown>> | undefined): TokenSet {
  const accessToken = vschars(values?.access_token)
  if (values === undefined || accessToken === undefined) {
    throw new UnreadableAnswer('The token endpoint answered without an access token that a header can carry.')
  }
  return tokensOf(accessToken, values)
}

/** The characters of tokens: RFC 6749 appendix A.12 and A.17. */
const VSCHARS = /^[\x20-\x7e]+$/

/** A response body as JSON; undefined if it is none. */
export function parseBody(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function valuesOf(tokens: TokenSet): Partial<Record<TokenSource, Json>> {
  const values: Partial<Record<TokenSource, Json>> = {
    access_token: tokens.accessToken,
    token_type: tokens.tokenType,
    expires_in: tokens.expiresIn,
  }
  if (tokens.scope !== undefined) values.scope = writeScope(tokens.scope)
  if (tokens.refreshToken !== undefined) values.refresh_token = tokens.refreshToken
  if (tokens.refreshExpiresIn !== undefined) values.refresh_expires_in = tokens.refreshExpiresIn
  if (tokens.issuedTokenType !== undefined) values.issued_token_type = tokens.issuedTokenType
  return values
}

function tokensOf(accessToken: string, values: Partial<Record<TokenSource, unknown>>): TokenSet {
  const refreshToken = vschars(values.refresh_token)
  const refreshExpiresIn = seconds(values.refresh_expires_in)
  const scope = scopeOf(values.scope)
  const issuedTokenType = vschars(values.issued_token_type)
  const tokenType = values.token_type
  return {
    accessToken,
    tokenType: typeof tokenType === 'string' && tokenType !== '' ? tokenType : 'Bearer',
    expiresIn: seconds(values.expires_in) ?? 0,
    ...(refreshToken === undefined ? {} : { refreshToken, ...(refreshExpiresIn === undefined ? {} : { refreshExpiresIn }) }),
    ...(scope && { scope }),
    ...(issuedTokenType === undefined ? {} : { issuedTokenType }),
  }
}

function vschars(value: unknown): string | undefined {
  return typeof value === 'string' && VSCHARS.test(value) ? value : undefined
}

/** Lifetimes come as numbers, and from careless servers as text. */
function seconds(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined
}

function scopeOf(value: unknown): readonly string[] | undefined {
  const text = Array.isArray(value) && value.every((one) => typeof one === 'string') ? value.join(' ') : value
  if (typeof text !== 'string') return undefined
  // What the server granted is not ours to limit in number.
  const names = [...new Set(text.split(' ').filter((name) => name !== ''))]
  if (!names.every(isScopeToken)) throw new UnreadableAnswer('The token endpoint answered with a scope that RFC 6749 does not allow.')
  return names
}
