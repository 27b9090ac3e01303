// Issuers of others that a realm trusts, from the operator's words to the model. RFC 7523 section 3.
import type { TrustedIssuer } from '../model/realm.ts'
import type { Findings } from './error.ts'
import { findTwice } from './error.ts'
import type { TrustedIssuerInput } from './input.ts'
import { issuerProblem, jwksUriProblem } from './url.ts'

/** @param path of the realm */
export function resolveTrustedIssuers(inputs: readonly TrustedIssuerInput[], path: string, { mistakes }: Findings): TrustedIssuer[] {
  const place = (index: number, member: string): string => `${path}.trustedIssuers[${index}].${member}`
  for (const [index, { issuer, jwksUri }] of inputs.entries()) {
    const wrongIssuer = issuerProblem(issuer, false)
    if (wrongIssuer !== undefined) mistakes.push({ path: place(index, 'issuer'), message: wrongIssuer })
    const wrongUri = jwksUri === undefined ? undefined : jwksUriProblem(jwksUri)
    if (wrongUri !== undefined) mistakes.push({ path: place(index, 'jwksUri'), message: wrongUri })
  }
  findTwice(
    mistakes,
    inputs.map((one, index) => ({ path: place(index, 'issuer'), text: one.issuer })),
    'an issuer is trusted once',
  )
  return inputs.map(({ issuer, jwksUri, audience }) => ({
    issuer,
    jwksUri: jwksUri ?? `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`,
    audience: audience ?? null,
  }))
}
