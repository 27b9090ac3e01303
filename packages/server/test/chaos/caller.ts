// A client's hand: one request, written down as it was seen, whatever came of it.
import { decodeJwt } from 'jose'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic } from '../harness/http.ts'
import { REALM } from './market.ts'
import type { Seen, What } from './seen.ts'

export interface Asked extends Partial<Pick<Seen, 'shown' | 'chain' | 'mark' | 'apiKey' | 'probe'>> {
  readonly what: What
  readonly node: number
  readonly client: string
}

export interface Told {
  readonly seen: Seen
  readonly accessToken: string | undefined
  readonly refreshToken: string | undefined
}

export interface Caller {
  post(asked: Asked, path: string, parameters: Readonly<Record<string, string>>, secret: string): Promise<Told>
  /** With a bearer, if there is one. */
  get(asked: Asked, path: string, headers?: Readonly<Record<string, string>>): Promise<Told>
}

/** Patience of a client, in milliseconds. */
const PATIENCE = 16_000

/** @param record told of each request when it is over */
export function createCaller(origins: readonly string[], record: (seen: Seen) => void, now: () => number): Caller {
  const send = async (asked: Asked, path: string, init: RequestInit): Promise<Told> => {
    const sentAt = now()
    const end = (rest: Partial<Seen>, accessToken?: string, refreshToken?: string): Told => {
      const seen: Seen = { ...asked, sentAt, answeredAt: now(), status: 0, code: '', ...rest }
      record(seen)
      return { seen, accessToken, refreshToken }
    }
    try {
      const response = await fetch(`${origins[asked.node]}${path}`, { ...init, signal: AbortSignal.timeout(PATIENCE), redirect: 'manual' })
      const body = objectOf(await response.text())
      const { access_token: access, refresh_token: refresh, error, code, active } = body
      const retryAfter = response.headers.get('retry-after')
      return end(
        {
          status: response.status,
          code: wordIn(error) ?? wordIn(code) ?? '',
          ...(retryAfter !== null && { retryAfter: Number(retryAfter) }),
          ...(typeof access === 'string' && { got: nameOf(access) }),
          ...(typeof refresh === 'string' && { gotRefresh: secretHash(refresh) }),
          ...(typeof active === 'boolean' && { active }),
        },
        typeof access === 'string' ? access : undefined,
        typeof refresh === 'string' ? refresh : undefined,
      )
    } catch (error) {
      return end({ lost: lossOf(error) })
    }
  }
  return {
    post: (asked, path, parameters, secret) =>
      send(asked, REALM + path, { method: 'POST', headers: basic(asked.client, secret), body: new URLSearchParams(parameters) }),
    get: (asked, path, headers = {}) =>
      send(asked, path, { headers: { ...headers, ...(asked.mark !== undefined && { 'x-chaos-mark': asked.mark }) } }),
  }
}

/** How a bearer is called in what is written down. */
export const nameOf = (accessToken: string): string => decodeJwt(accessToken).jti ?? ''

const wordIn = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function lossOf(error: unknown): NonNullable<Seen['lost']> {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'late'
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED' ? 'refused' : 'broken'
}
