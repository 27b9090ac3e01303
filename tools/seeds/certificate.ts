// A throw-away certificate authority and one certificate for the pages' host names, made for one run.
// The keys stay in this process: nothing but the authority's certificate needs to be written anywhere.
import { generate } from 'selfsigned'

export interface Certificate {
  /** PEM of the authority, for clients to trust. */
  readonly authority: string
  /** PEM of the host names' certificate and its private key. */
  readonly certificate: string
  readonly key: string
}

const HOUR_MS = 3_600_000

export async function makeCertificate(hosts: readonly string[], nowMs: number): Promise<Certificate> {
  const shape = {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(nowMs - HOUR_MS),
    notAfterDate: new Date(nowMs + 24 * HOUR_MS),
  } as const
  const authority = await generate([{ name: 'commonName', value: 'Countersign seeds, one run only' }], {
    ...shape,
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  const leaf = await generate([{ name: 'commonName', value: 'seed pages' }], {
    ...shape,
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map((value) => ({ type: 2, value })) },
    ],
  })
  return { authority: authority.cert, certificate: leaf.cert, key: leaf.private }
}
