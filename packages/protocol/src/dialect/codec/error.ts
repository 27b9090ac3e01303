// Refusals by the dialect's document: their members, codes and status. RFC 6749 section 5.2.
import type { OAuthErrorCode } from '../../oauth/error.ts'
import { isOAuthErrorCode, OAUTH_ERRORS, OAuthError } from '../../oauth/error.ts'
import type { Dialect, ErrorSource } from '../dialect.ts'
import type { WireResponse } from '../message.ts'
import { jsonAnswer } from './json_answer.ts'
import { NO_STORE, parseBody } from './token_response.ts'

export interface ErrorCodec {
  write(error: OAuthError): WireResponse
  /** What the server meant; an answer that says nothing readable becomes server_error or temporarily_unavailable by its status. */
  read(response: WireResponse): OAuthError
}

export function errorCodec(dialect: Dialect): ErrorCodec {
  const { members, envelope, statuses, codes } = dialect.error
  const answer = jsonAnswer<ErrorSource>(members, envelope, dialect.verbatim)
  const canonicalCode = new Map(Object.entries(codes).map(([ours, written]) => [written, ours]))
  return {
    write(error) {
      // A status that is not the code's own (405, 413) says more than the dialect's word for the code.
      const status = error.status === OAUTH_ERRORS[error.code] ? (statuses[error.code] ?? error.status) : error.status
      const headers: Record<string, string> = { ...NO_STORE, ...error.headers }
      if (error.challenge !== undefined) headers['www-authenticate'] = error.challenge
      if (error.retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(error.retryAfter))
      const body = answer.write({ error: codes[error.code] ?? error.code, error_description: error.description, status })
      return { status, headers, body }
    },
    read(response) {
      const values = answer.read(parseBody(response.body))
      // Home-made APIs like their codes as numbers.
      const written = typeof values?.error === 'string' || typeof values?.error === 'number' ? String(values.error) : ''
      const code = canonicalCode.get(written) ?? written
      const description = typeof values?.error_description === 'string' ? values.error_description.slice(0, 1000) : ''
      const retryAfter = readRetryAfter(response.headers['retry-after'])
      const challenge = response.headers['www-authenticate']
      return new OAuthError(
        isOAuthErrorCode(code) ? code : codeByStatus(response.status),
        description || `The server answered ${response.status}.`,
        {
          status: response.status,
          ...(retryAfter === undefined ? {} : { retryAfter }),
          ...(challenge === undefined ? {} : { challenge }),
        },
      )
    },
  }
}

function codeByStatus(status: number): OAuthErrorCode {
  if (status === 401) return 'invalid_client'
  if (status === 429) return 'slow_down'
  if (status === 502 || status === 503 || status === 504) return 'temporarily_unavailable'
  return status < 500 ? 'invalid_request' : 'server_error'
}

function readRetryAfter(field: string | undefined): number | undefined {
  return field !== undefined && /^\d{1,8}$/.test(field) ? Number(field) : undefined
}
