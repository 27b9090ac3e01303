// Challenges in `WWW-Authenticate`: written by issuer and guard, read by the client. RFC 9110 section 11.6.1, RFC 6750 section 3.
import { errorText } from './error.ts'

export interface Challenge {
  /** Scheme as written; compare without case. */
  readonly scheme: string
  /** Parameter names in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

/** One challenge, `Bearer realm="main"`; parameters that are undefined are left out. RFC 9110 section 11.6.1. */
export function writeChallenge(scheme: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const written: string[] = []
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) written.push(`${name}="${errorText(value)}"`)
  }
  return written.length === 0 ? scheme : `${scheme} ${written.join(', ')}`
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`)
const SCHEME = new RegExp(`^(${TOKEN})(?=\\s|,|$)`)
/** What some schemes (Negotiate) carry instead of parameters. It may stand only right behind the scheme. */
const TOKEN68 = /^[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/

/** Reads the challenges of a field value; what it cannot read ends the list. At most 8 KiB are looked at. */
export function readChallenges(field: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  let rest = field.slice(0, 8192).replace(/^[\s,]+/, '')
  while (rest !== '') {
    const parameter = PARAMETER.exec(rest)
    const current = challenges.at(-1)
    if (parameter && current) {
      const name = (parameter[1] ?? '').toLowerCase()
      if (!current.parameters.has(name)) current.parameters.set(name, parameter[3] ?? (parameter[2] ?? '').replaceAll(/\\(.)/g, '$1'))
      rest = rest.slice(parameter[0].length)
    } else {
      const scheme = SCHEME.exec(rest)
      if (!scheme) break
      challenges.push({ scheme: scheme[1] ?? '', parameters: new Map() })
      rest = rest.slice(scheme[0].length).replace(TOKEN68, '')
    }
    rest = rest.replace(/^[\s,]+/, '')
  }
  return challenges
}
