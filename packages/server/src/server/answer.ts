// An answer on the public listener: a ServerResponse that carries its request's id into every head, and what the operator's counters, log
// and traces want to know of the request. Owns no decision.
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { ServerResponse } from 'node:http'
import type { Outgoing } from '../gateway/messages.ts'
import type { RequestAccount } from '../issue/context.ts'

export const REQUEST_ID_HEADER = 'x-request-id'

type Fields = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** What is kept beside an answer, whoever writes it. */
export interface Watched extends Outgoing, RequestAccount {
  /** '' until the listener has taken the request. */
  requestId: string
  /** Monotonic, in milliseconds. */
  began: number
  /** Bytes that the connection had written before. */
  writtenBefore: number
  realmId: string
  /** `token`, `jwks`; '' for what is no endpoint. */
  endpoint: string
  apiId: string
  /** As the operator wrote it; '' where none fitted or the request was not admitted. */
  route: string
  client: string
  grant: string
  /** `ok`, `allowed`, or the error's. */
  code: string
  step: ((name: string) => void) | undefined
  /** Told of the status when the head is written. */
  counted: ((status: number) => void) | undefined
}

export function isWatched(response: Outgoing): response is Watched {
  return 'requestId' in response
}

export class Answer extends ServerResponse implements Watched {
  requestId = ''
  began = 0
  writtenBefore = 0
  realmId = ''
  endpoint = ''
  apiId = ''
  route = ''
  client = ''
  grant = ''
  code = ''
  step: ((name: string) => void) | undefined = undefined
  counted: ((status: number) => void) | undefined = undefined

  /** Our own writers give fields here, never a reason phrase, and made for this answer alone: the id is written into them. */
  override writeHead(status: number, first?: string | Fields, second?: Fields): this {
    this.counted?.(status)
    const fields = (typeof first === 'object' ? first : second) ?? {}
    if (this.requestId === '') return super.writeHead(status, fields)
    if (Array.isArray(fields)) fields.push(REQUEST_ID_HEADER, this.requestId)
    // Also in place of one that the upstream sent: the id is the caller's, the log's and the upstream's alike.
    else fields[REQUEST_ID_HEADER] = this.requestId
    return super.writeHead(status, fields)
  }
}
