// A client made by a command: held to its realm by the rules that hold a configured one, with a first secret. Stores nothing.
import { resolveClient } from '../config/client.ts'
import { noFindings, sentence } from '../config/error.ts'
import type { GrantName } from '../config/grant_name.ts'
import { GRANT_NAMES } from '../config/grant_name.ts'
import type { Client } from '../model/client.ts'
import type { Realm } from '../model/realm.ts'
import { secretHash } from '../model/secret_hash.ts'
import type { Store } from '../model/store.ts'
import type { AtRest } from './at_rest.ts'
import { UsageError } from './command.ts'
import { printable } from './listing.ts'
import { newSecret } from './new_secret.ts'

export interface ClientWords {
  readonly clientId: string
  readonly name: string | undefined
  readonly grants: readonly string[] | undefined
  readonly scopes: readonly string[] | undefined
  readonly audiences: readonly string[] | undefined
}

export interface NewClient {
  readonly client: Client
  /** Its first secret, shown once. */
  readonly text: string
  /** Sentences. */
  readonly warnings: readonly string[]
}

/** @throws UsageError with a sentence for each mistake */
export async function newClient(atRest: AtRest, realm: Realm, words: ClientWords): Promise<NewClient> {
  const { clientId, name, grants, scopes, audiences } = words
  checkNames(words)
  await checkIsFree(atRest.store, realm.id, clientId)
  const findings = noFindings()
  const input = {
    clientId,
    // A stand-in: the secret itself is made when all else is known to be right.
    secret: { hash: secretHash('') },
    ...(name !== undefined && { displayName: name }),
    ...(grants && { grants: grants.filter(isGrantName) }),
    ...(scopes && { scopes }),
    ...(audiences && { audiences }),
  }
  const facts = { ...realm, audiences: realm.audiences.map((one) => one.identifier), clientIds: [] }
  const source = { env: {}, folder: '.', demo: false, masterKey: atRest.masterKey }
  const { client } = await resolveClient(input, PATH, facts, source, findings)
  if (findings.mistakes.length > 0) throw new UsageError(findings.mistakes.map(asOption).join('\n'))
  const { text, secret } = newSecret(atRest, client, null)
  return { client: { ...client, origin: 'command', secrets: [secret] }, text, warnings: findings.warnings.map(asOption) }
}

const PATH = 'client'

/** `client.scopes[0] is ...` is about the option that it was written in. */
function asOption({ path, message }: { readonly path: string; readonly message: string }): string {
  return sentence({ path: path.replace(/^client\.([a-z]+).*$/, '--$1'), message: printable(message) })
}

function isGrantName(text: string): text is GrantName {
  return (GRANT_NAMES as readonly string[]).includes(text)
}

/** What the schema of a configuration checks of the same words. */
function checkNames({ clientId, name, grants = [] }: ClientWords): void {
  if (!/^[\x21-\x7e]{1,128}$/.test(clientId)) throw new UsageError('--client must be a text of 1 to 128 visible ASCII characters.')
  if (name !== undefined && !/^[^\p{Cc}]{1,128}$/u.test(name)) throw new UsageError('--name must be a text of 1 to 128 characters.')
  const strange = grants.find((grant) => !isGrantName(grant))
  if (strange !== undefined)
    throw new UsageError(`--grants has '${printable(strange)}', which is no grant: the grants are ${GRANT_NAMES.join(', ')}.`)
}

/** Neither another client's nor, by RFC 9700 section 4.15, what a person of the realm is called in tokens. */
async function checkIsFree(store: Store, realmId: string, clientId: string): Promise<void> {
  if (await store.clients.find(realmId, clientId))
    throw new UsageError(`The realm ${realmId} has a client ${clientId} already: choose another --client, or remove that one first.`)
  for (const name of [clientId, `${clientId}@clients`, `service-account-${clientId}`]) {
    if ((await store.users.findByUsername(realmId, name)) ?? (await store.users.find(realmId, name)))
      throw new UsageError(`The realm ${realmId} has a user ${name}, for whom tokens of this client could pass: choose another --client.`)
  }
}
