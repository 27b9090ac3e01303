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

export interface PresentationReader {
  read(fields: IncomingFields): Presented
}

export interface PresentationWriter {
  write(credentials: Credentials): Record<string, string>
  /** Every header this presentation may use, in lower case: a gateway strips them from what it passes on. */
  readonly headers: readonly string[]
}

export type PresentationCodec = PresentationReader & PresentationWriter

const MAX_TOKEN_LENGTH = 16 * 1024
/** b64token of RFC 6750 with what opaque tokens and keys of others use; never a comma, so that joined duplicates are seen. */
const VALUE = /^[A-Za-z0-9._~+/=:|!@$*-]+$/
/** What may be written: another provider's token, whatever it is made of, as long as a header carries it as one word. */
const WORD = /^[\x21-\x7e]+$/

export function presentationCodec(presentation: PresentationDialect): PresentationCodec {
  return { ...presentationReader(presentation), ...presentationWriter(presentation) }
}

export function presentationWriter(presentation: PresentationDialect): PresentationWriter {
  return {
    headers: [...new Set([...presentation.token, ...presentation.api_key].map((one) => one.header))],
    write({ token, apiKey }) {
      const fields: Record<string, string> = {}
      if (token !== undefined) writeOne(presentation.token[0], token, fields)
      if (apiKey !== undefined) writeOne(presentation.api_key[0], apiKey, fields)
      return fields
    },
  }
}

export function presentationReader(presentation: PresentationDialect): PresentationReader {
  const tokenCarriers = carrierCodecs(presentation.token)
  const keyCarriers = carrierCodecs(presentation.api_key)
  return {
    read(fields) {
      const token = readOne(tokenCarriers, fields)
      const apiKey = readOne(keyCarriers, fields)
      return {
        token: typeof token === 'string' ? token : undefined,
        apiKey: typeof apiKey === 'string' ? apiKey : undefined,
        problem: problemOf(token, 'access token') ?? problemOf(apiKey, 'API key'),
      }
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

/** A bare value comes last among the carriers of a header: it is what bears none of the schemes. */
function carrierCodecs(carriers: readonly Carrier[]): readonly CarrierCodec[] {
  return [...carriers.filter((one) => one.scheme !== null), ...carriers.filter((one) => one.scheme === null)].map(carrierCodec)
}

function carrierCodec({ header, scheme }: Carrier): CarrierCodec {
  if (scheme === null) return { header, read: (field) => checked(trimmed(field, 0)) }
  const word = scheme.toLowerCase()
  return {
    header,
    read(field) {
      const given = field.slice(0, word.length)
      if (given !== scheme && given.toLowerCase() !== word) return undefined
      // Another scheme that merely begins alike is not ours; the bare word is ours, with nothing behind it.
      const next = field.charCodeAt(word.length)
      if (field.length > word.length && next !== 0x20) return undefined
      return checked(trimmed(field, word.length))
    },
  }
}

/** Without the optional whitespace of RFC 9110 section 5.6.3; `trim` would take more than that. */
function trimmed(field: string, start: number): string {
  let from = start
  let to = field.length
  while (from < to && isBlank(field.charCodeAt(from))) from++
  while (to > from && isBlank(field.charCodeAt(to - 1))) to--
  return field.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function checked(value: string): Read {
  return value.length <= MAX_TOKEN_LENGTH && VALUE.test(value) ? value : MALFORMED
}

function readOne(carriers: readonly CarrierCodec[], fields: IncomingFields): Read {
  let found: Read
  let foundIn: string | undefined
  for (const carrier of carriers) {
    if (carrier.header === foundIn) continue
    const field = fieldOf(fields[carrier.header])
    if (field === undefined) continue
    const value = field === TWICE ? TWICE : carrier.read(field)
    if (value === undefined) continue
    if (found !== undefined) return TWICE
    found = value
    foundIn = carrier.header
  }
  return found
}

function fieldOf(field: string | readonly string[] | undefined): string | undefined | typeof TWICE {
  if (field === undefined || typeof field === 'string') return field
  return field.length > 1 ? TWICE : field[0]
}

function problemOf(read: Read, what: string): string | undefined {
  if (read === TWICE) return `The ${what} is presented more than once.`
  return read === MALFORMED ? `The ${what} is not in the form its header wants.` : undefined
}

function writeOne(carrier: Carrier | undefined, value: string, fields: Record<string, string>): void {
  if (!carrier) throw new TypeError('this dialect has no header for it')
  if (!WORD.test(value)) throw new TypeError(`the value for the header ${carrier.header} has a character that no header can carry`)
  if (Object.hasOwn(fields, carrier.header))
    throw new TypeError(`this dialect carries token and API key in the one header ${carrier.header}`)
  fields[carrier.header] = carrier.scheme === null ? value : `${carrier.scheme} ${value}`
}
