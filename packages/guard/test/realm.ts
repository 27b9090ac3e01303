// A small issuer for the guard's tests: two keys, four kinds of dialect, tokens minted to order. Its clock stands still until told.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import { createSigner } from '@countersign/protocol/jose/jws'
import { signJwt } from '@countersign/protocol/jose/jwt'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import type { Guard, GuardOptions } from '../src/guard.ts'
import { createGuard } from '../src/guard.ts'
import type { Deny, Verdict } from '../src/verdict.ts'

export const ISSUER = 'https://login.example/realms/partner'
export const AUDIENCE = 'https://api.example'
export const NOW = 1_800_000_000

const own = await generatePrivateJwk('ES256')
const foreign = await generatePrivateJwk('ES256')
export const ownPublic = publicOf(own)
const signer = createSigner(own)
const foreignSigner = createSigner(foreign)
export const keys = createKeySet([ownPublic])

export const standard: CompiledDialect = compile(resolveDialect('standard'))
export const keycloak: CompiledDialect = compile(resolveDialect('keycloak'))
export const webcommander: CompiledDialect = compile(resolveDialect('webcommander'))
/** The Keycloak family with Wych's spelling of the header. */
export const wych: CompiledDialect = compile(
  resolveDialect({
    extends: 'keycloak',
    name: 'wych',
    presentation: {
      token: [
        { header: 'authorisation', scheme: 'bearer' },
        { header: 'authorization', scheme: 'Bearer' },
      ],
    },
  }),
)

let minted = 0

/** Claims of a good token; members given replace them, undefined removes. */
export function claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
  minted += 1
  return {
    iss: ISSUER,
    sub: 'client-1',
    aud: AUDIENCE,
    exp: NOW + 300,
    iat: NOW,
    jti: `token-${minted}`,
    client_id: 'client-1',
    scope: 'orders:read profile',
    ...changes,
  }
}

export function mint(changes: Record<string, unknown> = {}, typ = 'at+jwt'): string {
  return signJwt(signer, typ, claims(changes))
}

/** Good in all but the key that signed it. */
export function mintForeign(changes: Record<string, unknown> = {}): string {
  return signJwt(foreignSigner, 'at+jwt', claims(changes))
}

/** A compact JWT of these parts, signature as given. */
export function forge(header: object, payload: object, signature = 'AA'): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(payload)}.${signature}`
}

/** Signed with the issuer's key, whatever the payload and header say. */
export function signOver(header: object, payload: object): string {
  const input = forge(header, payload).split('.').slice(0, 2).join('.')
  return `${input}.${signer.sign(input)}`
}

export const ownKid = signer.kid

export function guardWith(options: Partial<GuardOptions> = {}): Guard {
  return createGuard({ realm: 'partner', issuer: ISSUER, audience: AUDIENCE, keys, dialects: [standard], now: () => NOW, ...options })
}

/** A GET of `/orders` with these headers. */
export function get(
  headers: Record<string, string | undefined> = {},
  path = '/orders',
): { method: string; path: string; headers: typeof headers } {
  return { method: 'GET', path, headers }
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

export function denied(verdict: Verdict): Deny {
  if (verdict.allow) throw new Error('the request was allowed')
  return verdict
}

/** The answer at once, or an error: for guards whose ports answer at once. */
export function atOnce(verdict: Verdict | Promise<Verdict>): Verdict {
  if (verdict instanceof Promise) throw new Error('the guard did not answer at once')
  return verdict
}

/** All of them, those given at once too. */
export const allOf = (verdicts: readonly (Verdict | Promise<Verdict>)[]): Promise<Verdict[]> =>
  Promise.all(verdicts.map(async (one) => one))
