// private_key_jwt: the client signs with a key whose public half it has registered. RFC 7523 section 2.2, OpenID Connect Core section 9.
import { JoseError } from '@countersign/protocol/jose/error'
import { verifyJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import type { Client } from '../../model/client.ts'
import type { RealmContext } from '../context.ts'
import type { AssertionMethod } from './method.ts'

export const privateKeyJwt: AssertionMethod = {
  name: 'private_key_jwt',
  async verify(context, client, { text }, expectations) {
    return { claims: await verifyJwt(text, expectations, keysOf(context, client)), credential: null }
  },
}

const INLINE = new WeakMap<Client, KeySource>()

/** The keys that the operator has configured for this client: nothing in an assertion names others (RFC 8725 section 3.10). */
function keysOf(context: RealmContext, client: Client): KeySource {
  const { keys } = client
  if (keys.kind === 'remote') return context.trustedKeys.at(keys.url)
  if (keys.kind === 'none') throw new JoseError('unknown_key', 'The client has no keys.')
  let known = INLINE.get(client)
  if (!known) {
    known = createKeySet(keys.keys)
    INLINE.set(client, known)
  }
  return known
}
