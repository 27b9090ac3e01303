// Payloads of access tokens by the dialect's claims profile. RFC 9068 section 2.2 and its families.
import type { ClaimMember, ClaimSource, Dialect, Json } from '../dialect.ts'

/** What an access token says, before a profile gives it its form. Times in epoch seconds. */
export type ClaimValues = Readonly<Partial<Record<ClaimSource, Json>>> & { readonly sub: string; readonly client_id: string }

export interface ClaimsCodec {
  /** JOSE `typ` of the family. */
  readonly typ: string
  /** Constants that every access token of the family carries: a guard demands them. */
  readonly requiredClaims: Readonly<Record<string, Json>>
  write(values: ClaimValues, subject: 'client' | 'user'): Record<string, Json>
}

export function claimsCodec(dialect: Dialect): ClaimsCodec {
  const { typ, members } = dialect.claims
  const bySubject = {
    client: members.filter((member) => member.subject !== 'user'),
    user: members.filter((member) => member.subject !== 'client'),
  }
  const constants = members.filter((member) => member.constant !== undefined && member.subject === undefined)
  return {
    typ,
    requiredClaims: typ === 'JWT' ? Object.fromEntries(constants.map((member) => [member.name, member.constant ?? null])) : {},
    write(values, subject) {
      const claims: Record<string, Json> = {}
      for (const member of bySubject[subject]) {
        const value = claimValue(member, values)
        if (value !== undefined) claims[member.name] = value
      }
      return claims
    },
  }
}

function claimValue(member: ClaimMember, values: ClaimValues): Json | undefined {
  if (member.constant !== undefined) return member.constant
  if (member.from !== undefined) return values[member.from]
  return member.template?.replaceAll(/\{(client_id|sub|username|sid)\}/g, (_, name: ClaimSource) => textOf(values[name]))
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
