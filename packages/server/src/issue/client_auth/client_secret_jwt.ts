// client_secret_jwt: the client's secret is the key of an HMAC. RFC 7523 section 2.2, OpenID Connect Core section 9.
// The check needs the secret itself: it is stored sealed beside its hash, for the clients that use this method alone.
import { checkClaims } from '@countersign/protocol/jose/claims_check'
import { JoseError } from '@countersign/protocol/jose/error'
import type { HmacVerifier } from '@countersign/protocol/jose/hmac'
import { createHmacVerifier, isHmacName } from '@countersign/protocol/jose/hmac'
import type { Client } from '../../model/client.ts'
import type { RealmContext } from '../context.ts'
import { SealError, unseal } from '../keys/seal.ts'
import type { AssertionMethod } from './method.ts'

export const clientSecretJwt: AssertionMethod = {
  name: 'client_secret_jwt',
  verify(context, client, { jwt }, expectations) {
    const { alg, typ } = jwt.header
    if (!isHmacName(alg)) throw new JoseError('unsupported', 'The assertion is not signed by an HMAC.')
    const { now } = expectations
    const secret = openedOf(context, client).find(
      ({ expiresAt, hmac }) => (expiresAt === null || now < expiresAt) && hmac.verify(alg, jwt.signingInput, jwt.signature),
    )
    if (!secret) throw new JoseError('bad_signature', 'No secret of the client made this signature.')
    return { claims: checkClaims(typ, jwt.claims, expectations), credential: secret.id }
  },
}

interface OpenedSecret {
  readonly id: string
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
  readonly hmac: HmacVerifier
}

const OPENED = new WeakMap<Client, readonly OpenedSecret[]>()

function openedOf(context: RealmContext, client: Client): readonly OpenedSecret[] {
  let opened = OPENED.get(client)
  if (!opened) {
    opened = openSecrets(context, client)
    OPENED.set(client, opened)
  }
  return opened
}

function openSecrets({ realm, masterKey, notice }: RealmContext, { clientId, secrets }: Client): readonly OpenedSecret[] {
  return secrets.flatMap(({ id, expiresAt, sealed }) => {
    if (sealed === null) return []
    try {
      return [{ id, expiresAt, hmac: createHmacVerifier(unseal(sealed, masterKey, `client_secret/${realm.id}/${clientId}/${id}`)) }]
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      // The others still open: one secret sealed under an earlier master key must not shut the client out.
      notice(`The secret ${id} of client ${clientId} of realm ${realm.id} cannot be opened with this masterKey: make it a new one.`)
      return []
    }
  })
}
