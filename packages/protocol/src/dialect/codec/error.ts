// Refusals by the dialect's document: their members, codes and status. RFC 6749 section 5.2. Reader and writer share no value.
import type { OAuthError, OAuthErrorCode } from '../../oauth/error.ts'
import { errorText, isOAuthErrorCode, OAUTH_ERRORS } from '../../oauth/error.ts'
import type { Dialect, ErrorSource } from '../dialect.ts'
import type { WireResponse } from '../message.ts'
import { jsonAnswerReader, jsonAnswerWriter } from './json_answer.ts'
import { NO_STORE, parseBody } from './token_response.ts'

/** A refusal as it was read: what an OAuthError says, as plain data. */
export interface ErrorAnswer {
  readonly code: OAuthErrorCode
  /** The server's sentence in the characters of `error_description`, at most 1000; ours if it said none. */
  readonly description: string
  readonly status: number
  /** Seconds. */
  readonly retryAfter?: number | undefined
  readonly challenge?: string | undefined
}

export interface ErrorReader {
  /** What the server meant; an answer that says nothing readable becomes server_error or temporarily_unavailable by its status. */
  read(response: WireResponse): ErrorAnswer
}

export interface ErrorWriter {
  write(error: OAuthError): WireResponse
}

export type ErrorCodec = ErrorReader & ErrorWriter

export function errorWriter(dialect: Pick<Dialect, 'error' | 'verbatim'>): ErrorWriter {
  const { statuses, codes } = dialect.error
  const writeAnswer = jsonAnswerWriter<ErrorSource>(dialect.error, dialect.verbatim)
  return {
    write(error) {
      // A status that is not the code's own (405, 413) says more than the dialect's word for the code.
      const status = error.status === OAUTH_ERRORS[error.code] ? (statuses[error.code] ?? error.status) : error.status
      const headers: Record<string, string> = { ...NO_STORE, ...error.headers }
      if (error.challenge !== undefined) headers['www-authenticate'] = error.challenge
      if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfter))
      const body = writeAnswer({ error: codes[error.code] ?? error.code, error_description: error.description, status })
      return { status, headers, body }
    },
  }
}

export function errorReader(dialect: Pick<Dialect, 'error' | 'verbatim'>): ErrorReader {
  const readAnswer = jsonAnswerReader<ErrorSource>(dialect.error, dialect.verbatim)
  const canonicalCode = new Map(Object.entries(dialect.error.codes).map(([ours, written]) => [written, ours]))
  return {
    read(response) {
      const values = readAnswer(parseBody(response.body))
      // Home-made APIs like their codes as numbers.
      const written = typeof values?.error === 'number' ? String(values.error) : values?.error
      const error = typeof written === 'string' ? (canonicalCode.get(written) ?? written) : undefined
      return readErrorAnswer({ ...values, error }, response)
    },
  }
}

/** @param values the members of a refusal in the standard's words; undefined if it had none. */
export function readErrorAnswer(
  values: Partial<Record<ErrorSource, unknown>> | undefined,
  { status, headers }: Pick<WireResponse, 'status' | 'headers'>,
): ErrorAnswer {
  const code = typeof values?.error === 'string' ? values.error : ''
  const description = typeof values?.error_description === 'string' ? values.error_description.slice(0, 1000) : ''
  const wait = headers['retry-after']
  return {
    code: isOAuthErrorCode(code) ? code : codeByStatus(status),
    description: errorText(description || `The server answered ${status}.`),
    status,
    retryAfter: wait !== undefined && /^\d{1,8}$/.test(wait) ? Number(wait) : undefined,
    challenge: headers['www-authenticate'],
  }
}

function codeByStatus(status: number): OAuthErrorCode {
  if (status === 401) return 'invalid_client'
  if (status === 429) return 'slow_down'
  if (status === 502 || status === 503 || status === 504) return 'temporarily_unavailable'
  return status < 500 ? 'invalid_request' : 'server_error'
}
