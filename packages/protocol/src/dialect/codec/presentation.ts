// How a token and an API key are shown to the API: which headers, which scheme. RFC 6750 section 2.1 and its deviations.
import type { Carrier, PresentationDialect } from '../dialect.ts'

/** What a request presented. Nothing is decided here: an absent token is undefined, an unusable presentation is `problem`. */
export interface Presented {
  readonly token: string | undefined
  readonly apiKey: string | undefined
  /** One sentence: presented twice, or not in the form of the header. */
  readonly problem: string | undefined
}

export interface Credentials {
  readonly token?: string
  readonly apiKey?: string
}

/** Node's shape: field names in lower case; a list where a field came several times. */
export type IncomingFields = Readonly<Record<string, string | readonly string[] | undefined>>

export interface PresentationCodec {
  read(fields: IncomingFields): Presented
  write(credentials: Credentials): Record<string, string>
  /** Every header this presentation may use, in lower case: a gateway strips them from what it passes on. */
  readonly headers: readonly string[]
}

const MAX_TOKEN_LENGTH = 16 * 1024
/** b64token of RFC 6750 with what opaque tokens and keys of others use; never a comma, so that joined duplicates are seen. */
const VALUE = /^[A-Za-z0-9._~+/=:|!@$*-]+$/

export function presentationCodec(presentation: PresentationDialect): PresentationCodec {
  const tokenCarriers = presentation.token.map(carrierCodec)
  const keyCarriers = presentation.api_key.map(carrierCodec)
  return {
    headers: [...new Set([...presentation.token, ...presentation.api_key].map((one) => one.header))],
    read(fields) {
      const token = readOne(tokenCarriers, fields)
      const apiKey = readOne(keyCarriers, fields)
      return {
        token: typeof token === 'string' ? token : undefined,
        apiKey: typeof apiKey === 'string' ? apiKey : undefined,
        problem: problemOf(token, 'access token') ?? problemOf(apiKey, 'API key'),
      }
    },
    write({ token, apiKey }) {
      const fields: Record<string, string> = {}
      if (token !== undefined) writeOne(presentation.token[0], token, fields)
      if (apiKey !== undefined) writeOne(presentation.api_key[0], apiKey, fields)
      return fields
    },
  }
}

const TWICE = Symbol('presented twice')
const MALFORMED = Symbol('malformed')
type Read = string | undefined | typeof TWICE | typeof MALFORMED

interface CarrierCodec {
  readonly header: string
  readonly read: (field: string) => Read
}

function carrierCodec({ header, scheme }: Carrier): CarrierCodec {
  if (scheme === null) return { header, read: (field) => checked(field.trim()) }
  const word = scheme.toLowerCase()
  return {
    header,
    read(field) {
      const given = field.slice(0, word.length)
      if (given !== scheme && given.toLowerCase() !== word) return undefined
      // Another scheme that merely begins alike is not ours; the bare word is ours, with nothing behind it.
      const next = field.charCodeAt(word.length)
      if (field.length > word.length && next !== 0x20) return undefined
      return checked(field.slice(word.length).trim())
    },
  }
}

function checked(value: string): Read {
  return value.length <= MAX_TOKEN_LENGTH && VALUE.test(value) ? value : MALFORMED
}

function readOne(carriers: readonly CarrierCodec[], fields: IncomingFields): Read {
  let found: Read
  for (const carrier of carriers) {
    const field = fields[carrier.header]
    if (field === undefined) continue
    const value = typeof field === 'string' ? carrier.read(field) : TWICE
    if (value === undefined) continue
    if (found !== undefined) return TWICE
    found = value
  }
  return found
}

function problemOf(read: Read, what: string): string | undefined {
  if (read === TWICE) return `The ${what} is presented more than once.`
  return read === MALFORMED ? `The ${what} is not in the form its header wants.` : undefined
}

function writeOne(carrier: Carrier | undefined, value: string, fields: Record<string, string>): void {
  if (!carrier) throw new TypeError('this dialect has no header for it')
  fields[carrier.header] = carrier.scheme === null ? value : `${carrier.scheme} ${value}`
}
