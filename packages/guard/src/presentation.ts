// What a request presented, over all dialects of a realm at once. The codec of the protocol reads; this adds what Node drops
// silently (a second `authorization`), and the short cut for a token that was verified before.
import type { IncomingFields, Presented } from '@countersign/protocol/dialect/codec/presentation'
import { presentationCodec } from '@countersign/protocol/dialect/codec/presentation'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { Carrier } from '@countersign/protocol/dialect/dialect'
import { onceByDialects } from './by_dialects.ts'
import { PROOF_HEADER } from './dpop.ts'

/** What a request presented, and how. */
export interface Shown extends Presented {
  /** By the scheme DPoP: a proof must come with it. */
  readonly dpop: boolean
}

export interface Presentation {
  /** Every header that may carry a credential, in lower case. */
  readonly headers: readonly string[]
  /** The header for API keys, in lower case; undefined if there is none. */
  readonly apiKeyHeader: string | undefined
  read(fields: IncomingFields): Shown
  /** Whether the scheme DPoP is read at all. */
  readonly dpop: boolean
  /**
   * What may be the token, if one header alone carries it: for looking up among verified tokens only, since nothing of its form
   * is checked. Reading 900 characters by the rules costs 1 us, looking them up 0.15.
   */
  candidate(fields: IncomingFields): string | undefined
  /** The same for the API key. */
  keyCandidate(fields: IncomingFields): string | undefined
  /** The API key alone, by the same rules as `read`. */
  readApiKey(fields: IncomingFields): Presented
  /**
   * Whether a header that carries a token or key comes more than once in Node's flat list of names and values. The proof is not looked
   * for: Node joins repeated ones with commas, and its header is as long as Host, which every request has.
   */
  isRepeated(rawHeaders: readonly string[]): boolean
}

/**
 * @param withDpop the scheme DPoP is read too, if a dialect carries tokens in `authorization` at all
 * @throws TypeError without dialects
 */
export function presentationOf(dialects: readonly CompiledDialect[], withApiKey: boolean, withDpop: boolean): Presentation {
  const reading = withApiKey ? READ_WITH_KEY : READ
  return (withDpop ? reading.dpop : reading.bearer)(dialects)
}

const createReading = (withApiKey: boolean) => ({
  bearer: onceByDialects((dialects) => createPresentation(dialects, withApiKey, false)),
  dpop: onceByDialects((dialects) => createPresentation(dialects, withApiKey, true)),
})

const READ = createReading(false)
const READ_WITH_KEY = createReading(true)

function createPresentation(dialects: readonly CompiledDialect[], withApiKey: boolean, withDpop: boolean): Presentation {
  if (dialects.length === 0) throw new TypeError('a guard needs at least one dialect')
  const written = distinct(dialects.flatMap((dialect) => dialect.document.presentation.token))
  const dpop = withDpop && written.some(({ header }) => header === DPOP.header)
  const token = dpop ? written.filter((carrier) => nameOf(carrier) !== nameOf(DPOP)) : written
  const apiKey = withApiKey ? distinct(dialects.flatMap((dialect) => dialect.document.presentation.api_key)) : []
  const codec = presentationCodec({ token: dpop ? [...token, DPOP] : token, api_key: apiKey })
  const keyCodec = presentationCodec({ token: [], api_key: apiKey })
  return {
    headers: Object.freeze(dpop ? [...codec.headers, PROOF_HEADER] : [...codec.headers]),
    apiKeyHeader: apiKey[0]?.header,
    dpop,
    read: (fields) => ({ ...codec.read(fields), dpop: dpop && isDpop(fields[DPOP.header]) }),
    readApiKey: (fields) => keyCodec.read(fields),
    candidate: createCandidate(token),
    keyCandidate: createCandidate(apiKey),
    isRepeated: createRepetition(codec.headers),
  }
}

const DPOP: Carrier = { header: 'authorization', scheme: 'DPoP' }

/** As the codec reads a scheme. */
function isDpop(field: string | readonly string[] | undefined): boolean {
  const text = typeof field === 'string' ? field : field?.[0]
  return text !== undefined && /^dpop(?: |$)/i.test(text)
}

function nameOf({ header, scheme }: Carrier): string {
  return `${header} ${scheme?.toLowerCase() ?? ''}`
}

function distinct(carriers: readonly Carrier[]): Carrier[] {
  const byName = new Map(carriers.map((carrier) => [nameOf(carrier), carrier]))
  return [...byName.values()]
}

function createCandidate(carriers: readonly Carrier[]): Presentation['candidate'] {
  const headers = [...new Set(carriers.map((carrier) => carrier.header))]
  // Two ways to read one header are left to the codec.
  const carrierOf = new Map(headers.map((header) => [header, only(carriers.filter((carrier) => carrier.header === header))]))
  return (fields) => {
    let header: string | undefined
    for (const name of headers) {
      if (fields[name] === undefined) continue
      if (header !== undefined) return undefined
      header = name
    }
    const carrier = header === undefined ? undefined : carrierOf.get(header)
    const field = header === undefined ? undefined : fields[header]
    if (carrier === undefined || typeof field !== 'string') return undefined
    return carrier.scheme === null ? field : afterScheme(field, carrier.scheme)
  }
}

function only(carriers: readonly Carrier[]): Carrier | undefined {
  return carriers.length === 1 ? carriers[0] : undefined
}

function afterScheme(field: string, scheme: string): string | undefined {
  if (field.charCodeAt(scheme.length) !== 0x20) return undefined
  if (!field.startsWith(scheme) && field.slice(0, scheme.length).toLowerCase() !== scheme.toLowerCase()) return undefined
  return field.slice(scheme.length + 1)
}

/** One bit each. */
const MAX_HEADERS = 31

function createRepetition(headers: readonly string[]): Presentation['isRepeated'] {
  if (headers.length > MAX_HEADERS) throw new TypeError(`the dialects of a guard may use ${MAX_HEADERS} headers at most`)
  // Under the spellings that clients use, so that hardly any name needs folding.
  const bits = new Map(headers.flatMap((header, index) => [header, capitalized(header)].map((name) => [name, 1 << index] as const)))
  const lengths: boolean[] = []
  for (const { length } of headers) lengths[length] = true
  return (rawHeaders) => {
    let seen = 0
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? ''
      if (lengths[name.length] !== true) continue
      const bit = bits.get(name) ?? bits.get(name.toLowerCase())
      if (bit === undefined) continue
      if ((seen & bit) !== 0) return true
      seen |= bit
    }
    return false
  }
}

/** `X-Api-Key` */
function capitalized(header: string): string {
  return header.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
}
