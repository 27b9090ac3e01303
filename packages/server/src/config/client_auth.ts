// How a client proves itself: its methods, secrets and public keys, from the operator's words to the model. RFC 6749 section 2.3, RFC 7523.
import { createHash, createHmac } from 'node:crypto'
import { JoseError } from '@countersign/protocol/jose/error'
import type { PublicJwk } from '@countersign/protocol/jose/jwk'
import { readPublicJwk } from '@countersign/protocol/jose/jwk'
import { NONCE_BYTES, seal } from '../issue/keys/seal.ts'
import type { Client, ClientAuthMethod, ClientKeys, ClientSecret } from '../model/client.ts'
import type { Findings } from './error.ts'
import { findTwice } from './error.ts'
import type { ClientInput } from './input.ts'
import type { SecretSource } from './secret.ts'
import { readSecret } from './secret.ts'
import { jwksUriProblem } from './url.ts'

export interface SealingSource extends SecretSource {
  /** null: the configuration has none. undefined: it has one that cannot be used, which is told elsewhere. */
  readonly masterKey: Uint8Array | null | undefined
}

export async function resolveClientAuth(
  input: ClientInput,
  path: string,
  realmId: string,
  source: SealingSource,
  findings: Findings,
): Promise<Pick<Client, 'authMethods' | 'secrets' | 'keys'>> {
  checkTogether(input, path, findings)
  checkMethods(input, path, findings)
  const authMethods = input.authMethods ?? defaultMethods(input)
  const sealing = authMethods.includes('client_secret_jwt')
  if (sealing && source.masterKey === null)
    findings.mistakes.push({
      path: `${path}.authMethods`,
      message: "has 'client_secret_jwt', for which the secret is kept sealed: give the configuration a masterKey to seal it under",
    })
  const owner = { realmId, clientId: input.clientId, masterKey: sealing ? (source.masterKey ?? null) : null }
  return {
    authMethods,
    secrets: await resolveSecrets(input, path, owner, sealing, source, findings),
    keys: resolveKeys(input, path, findings),
  }
}

/** What a secret or an API key is called: the same after every start, and it tells nothing of the hash. */
export function idOf(kind: 'secret' | 'key', hash: string): string {
  return `${kind}_${createHash('sha256').update(`${kind} ${hash}`).digest('base64url').slice(0, 12)}`
}

export function isPublic({ public: said, authMethods = [] }: ClientInput): boolean {
  return said ?? authMethods.includes('none')
}

const WITH_SECRET: readonly ClientAuthMethod[] = ['client_secret_basic', 'client_secret_post']
const WITH_KEYS: readonly ClientAuthMethod[] = ['private_key_jwt']
const PUBLIC: readonly ClientAuthMethod[] = ['none']
const ANY_SECRET: readonly ClientAuthMethod[] = [...WITH_SECRET, 'client_secret_jwt']

/** RFC 7518 section 3.2: as long as the shortest HMAC. */
const LEAST_HMAC_BYTES = 32

function defaultMethods(input: ClientInput): readonly ClientAuthMethod[] {
  if (isPublic(input)) return PUBLIC
  if (!hasKeys(input)) return WITH_SECRET
  return hasSecret(input) ? [...WITH_SECRET, ...WITH_KEYS] : WITH_KEYS
}

function hasSecret({ secret, secrets = [] }: ClientInput): boolean {
  return secret !== undefined || secrets.length > 0
}

function hasKeys({ jwks, jwksUri }: ClientInput): boolean {
  return jwks !== undefined || jwksUri !== undefined
}

function checkTogether(input: ClientInput, path: string, { mistakes }: Findings): void {
  const { authMethods = [] } = input
  if (input.secret !== undefined && input.secrets !== undefined)
    mistakes.push({ path, message: 'has both secret and secrets: put them all into secrets' })
  if (input.jwks !== undefined && input.jwksUri !== undefined)
    mistakes.push({ path, message: 'has both jwks and jwksUri: keep the one that its keys are changed at' })
  if (authMethods.includes('none') && authMethods.length > 1)
    mistakes.push({ path: `${path}.authMethods`, message: "has 'none' beside others: it stands alone" })
  if (input.public !== undefined && authMethods.length > 0 && input.public !== authMethods.includes('none'))
    mistakes.push({ path: `${path}.authMethods`, message: `contradicts public: a public client has 'none', any other has not` })
  if (!isPublic(input)) return
  if (hasSecret(input))
    mistakes.push({ path, message: 'is public and has a secret: a public client can keep none, so leave out one of the two' })
  if (hasKeys(input))
    mistakes.push({ path, message: 'is public and has keys: a client that signs is not public, so leave out one of the two' })
}

/** Every method has what it needs, and nothing is there that no method uses: it would be a way in that is believed to be open, or shut. */
function checkMethods(input: ClientInput, path: string, { mistakes }: Findings): void {
  if (isPublic(input)) return
  if (!hasSecret(input) && !hasKeys(input)) {
    const forms = "a secret ({ env: 'NAME' }, { file: 'PATH' } or { hash: 'sha256:...' }), public keys (jwks or jwksUri), or public: true"
    mistakes.push({ path, message: `needs ${forms}` })
    return
  }
  const { authMethods } = input
  if (authMethods === undefined) return
  const place = `${path}.authMethods`
  const bySecret = authMethods.find((method) => ANY_SECRET.includes(method))
  const byKeys = authMethods.includes('private_key_jwt')
  if (bySecret !== undefined && !hasSecret(input))
    mistakes.push({ path: place, message: `has '${bySecret}', which needs a secret: give one, or leave the method out` })
  else if (byKeys && !hasKeys(input))
    mistakes.push({ path: place, message: "has 'private_key_jwt', which needs the client's public keys: give jwks or jwksUri" })
  else if (bySecret === undefined && hasSecret(input))
    mistakes.push({
      path: place,
      message: `has no method for the client's secret: add one of ${ANY_SECRET.join(', ')}, or leave the secret out`,
    })
  else if (!byKeys && hasKeys(input))
    mistakes.push({ path: place, message: "has no method for the client's keys: add 'private_key_jwt', or leave the keys out" })
}

interface Owner {
  readonly realmId: string
  readonly clientId: string
  /** null: its secrets are not sealed. */
  readonly masterKey: Uint8Array | null
}

async function resolveSecrets(
  input: ClientInput,
  path: string,
  owner: Owner,
  sealing: boolean,
  source: SecretSource,
  findings: Findings,
): Promise<ClientSecret[]> {
  const refs = input.secret === undefined ? (input.secrets ?? []) : [input.secret]
  const found = new Map<string, ClientSecret>()
  for (const [index, ref] of refs.entries()) {
    const place = input.secret === undefined ? `${path}.secrets[${index}]` : `${path}.secret`
    const read = await readSecret(ref, place, source, findings)
    if (read === undefined) continue
    if (sealing) checkForHmac(read.text, place, findings)
    if (found.has(read.hash)) findings.mistakes.push({ path: `${path}.secrets`, message: 'has the same secret twice' })
    found.set(read.hash, secretOf(read.hash, read.text, owner))
  }
  return [...found.values()]
}

function checkForHmac(text: string | null, path: string, { mistakes }: Findings): void {
  if (text === null)
    mistakes.push({ path, message: "is a hash, but client_secret_jwt needs the secret itself: write { env: 'NAME' } or { file: 'PATH' }" })
  else if (Buffer.byteLength(text) < LEAST_HMAC_BYTES)
    mistakes.push({
      path,
      message: `has fewer than ${LEAST_HMAC_BYTES} bytes, which client_secret_jwt needs (RFC 7518 section 3.2): make a longer one`,
    })
}

function secretOf(hash: string, text: string | null, { realmId, clientId, masterKey }: Owner): ClientSecret {
  const id = idOf('secret', hash)
  const sealed = text === null || masterKey === null ? null : sealAlike(text, masterKey, `client_secret/${realmId}/${clientId}/${id}`)
  // When it was made is known to the store, which it is written into at its first start.
  return { id, hash, createdAt: 0, expiresAt: null, origin: 'configuration', sealed }
}

/**
 * The same secret is sealed alike at every start, so that nothing is written when nothing changed. The nonce is made of all that is sealed
 * and of the key: two different texts never share one, and nobody without the key can make it.
 */
function sealAlike(text: string, masterKey: Uint8Array, name: string): string {
  const nonce = createHmac('sha256', masterKey).update(`nonce\n${name}\n${text}`).digest().subarray(0, NONCE_BYTES)
  return seal(text, masterKey, name, nonce)
}

function resolveKeys({ jwks, jwksUri }: ClientInput, path: string, { mistakes }: Findings): ClientKeys {
  if (jwksUri !== undefined) {
    const problem = jwksUriProblem(jwksUri)
    if (problem !== undefined) mistakes.push({ path: `${path}.jwksUri`, message: problem })
    return { kind: 'remote', url: jwksUri }
  }
  if (jwks === undefined) return { kind: 'none' }
  const keys = jwks.keys.flatMap((key, index) => {
    const place = `${path}.jwks.keys[${index}]`
    const read = readKey(key, place, mistakes)
    return read === undefined ? [] : [{ path: `${place}.kid`, text: read.kid, read }]
  })
  findTwice(mistakes, keys, 'a key is told from the others by it')
  return { kind: 'inline', keys: keys.map((one) => one.read) }
}

/** Every member of a JSON Web Key that must stay with its owner. RFC 7518 section 6. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

function readKey(key: unknown, path: string, mistakes: Findings['mistakes']): PublicJwk | undefined {
  const secret = PRIVATE_MEMBERS.find((name) => typeof key === 'object' && key !== null && Object.hasOwn(key, name))
  if (secret !== undefined) {
    const message = `holds the private member '${secret}': it is known to whoever reads this, so make a new key and give its public half alone`
    mistakes.push({ path, message })
    return undefined
  }
  try {
    return readPublicJwk(key)
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    const why = error.message.replace(/\.$/, '')
    mistakes.push({ path, message: `cannot be used: ${why.slice(0, 1).toLowerCase()}${why.slice(1)}` })
    return undefined
  }
}
