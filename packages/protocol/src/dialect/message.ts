// An HTTP message as plain data: what codecs read and write, on the server and in the client alike.

/** Field names in lower case. */
export type HeaderFields = Readonly<Record<string, string | undefined>>

export interface WireRequest {
  readonly method: string
  /** Path without query. */
  readonly path: string
  readonly headers: HeaderFields
  /** UTF-8 text; '' if there is none. */
  readonly body: string
}

export interface WireResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
