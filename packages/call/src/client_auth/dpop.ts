// DPoP: tokens bound to a key, and a proof of that key with every request. RFC 9449 sections 4, 5, 7, 8.
import { sha256Of } from '@countersign/protocol/jose/web_bytes'
import { ConfigurationError } from '../errors.ts'
import type { Presentation, ProvenRequest, Prover, ShownToken } from '../extensions.ts'
import type { PrivateKey, SigningAlgorithm, SigningKey } from './signing_key.ts'
import { readSigningKey, signingKeyOf } from './signing_key.ts'

export interface DpopOptions {
  /** A JWK or PKCS#8 as PEM. Default: an ES256 key made now, which ends with this object, and its tokens with it. */
  readonly key?: PrivateKey
  /** Default: the curve's own, the JWK's, or RS256. */
  readonly alg?: SigningAlgorithm
}

/** Its nonces are of one server each, token endpoint and API apart, and bounded in number. */
export function dpop({ key, alg }: DpopOptions = {}): Prover {
  const nonces = new Map<string, string>()
  let read: Promise<SigningKey> | undefined
  const signingKey = (): Promise<SigningKey> => {
    read ??= key === undefined ? newKey() : readSigningKey(key, alg)
    return read
  }
  const prover: Prover = {
    thumbprint: async () => (await signingKey()).thumbprint,
    async prove(request, { now, unique }) {
      const { sign, publicJwk } = await signingKey()
      const { method, url, accessToken } = request
      const nonce = nonces.get(serverOf(request))
      const proof = await sign(
        { typ: 'dpop+jwt', jwk: publicJwk },
        {
          jti: unique(),
          htm: method,
          htu: url.origin + url.pathname,
          iat: Math.floor(now()),
          ...(accessToken === undefined ? {} : { ath: await sha256Of(accessToken) }),
          ...(nonce === undefined ? {} : { nonce }),
        },
      )
      return { dpop: proof }
    },
    learn(request, { status, headers }) {
      const fieldOf = (name: string): string => (headers instanceof Headers ? headers.get(name) : headers[name]) ?? ''
      const nonce = fieldOf('dpop-nonce')
      // RFC 9449 section 8.1: the characters of a scope token.
      if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/.test(nonce)) return false
      const server = serverOf(request)
      if (nonces.get(server) === nonce) return false
      nonces.delete(server)
      nonces.set(server, nonce)
      for (const oldest of nonces.keys()) if (nonces.size > MAX_NONCES) nonces.delete(oldest)
      // A token endpoint says why in its body; with a new nonce, a second try is right whatever it says.
      const wanted = status === 401 && /\buse_dpop_nonce\b/.test(fieldOf('www-authenticate'))
      return request.accessToken === undefined ? status === 400 || status === 401 : wanted
    },
    presentation: (world, write): Presentation => ({
      write(token, method, url) {
        if (!token || !isBound(token)) return write(token, method, url)
        if (!url) throw new ConfigurationError('This token is shown with a proof for one URL: call headers(url, method).')
        return show(token.accessToken, prover.prove({ method, url, accessToken: token.accessToken }, world), write(undefined, method, url))
      },
      refused: (token, method, url, answer) => isBound(token) && prover.learn({ method, url, accessToken: token.accessToken }, answer),
    }),
  }
  return prover
}

type Fields = Record<string, string>

/** RFC 9449 section 7.1, whatever the dialect calls its header; the API key goes where the dialect says. */
async function show(accessToken: string, proof: Promise<Fields>, rest: Fields | Promise<Fields>): Promise<Fields> {
  return { ...(await rest), authorization: `DPoP ${accessToken}`, ...(await proof) }
}

function isBound({ tokenType }: ShownToken): boolean {
  return tokenType.toLowerCase() === 'dpop'
}

const MAX_NONCES = 100

function serverOf({ url, accessToken }: ProvenRequest): string {
  return `${accessToken === undefined ? 'issuer' : 'resource'} ${url.origin}`
}

async function newKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
  const { alg: _alg, key_ops: _ops, ...jwk } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  return signingKeyOf(jwk)
}
