// The API keys of one client, from the operator's words to the model. Owns their names, not how a key looks (protocol's credential.ts).
import { apiKeyIdOf } from '@countersign/protocol/oauth/credential'
import type { ApiKey } from '../model/api_key.ts'
import { idOf } from './client_auth.ts'
import type { Findings } from './error.ts'
import type { ApiKeyInput, ClientInput } from './input.ts'
import { moment } from './lifetime.ts'
import type { ReadSecret, SecretSource } from './secret.ts'
import { readSecret } from './secret.ts'

/** What a key may be called. */
export const API_KEY_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

export async function resolveApiKeys(
  { clientId, apiKeys = [] }: ClientInput,
  path: string,
  realmId: string,
  source: SecretSource,
  findings: Findings,
): Promise<ApiKey[]> {
  const keys: ApiKey[] = []
  for (const [index, one] of apiKeys.entries()) {
    const read = await readSecret(one.key, `${path}.apiKeys[${index}].key`, source, findings)
    if (read !== undefined) keys.push(apiKey(one, read, realmId, clientId))
  }
  return keys
}

/** Two keys of a realm must differ, and be told apart. */
export function checkApiKeys(keys: readonly ApiKey[], path: string, { mistakes }: Findings): void {
  const owner = new Map<string, string>()
  const ids = new Map<string, string>()
  for (const { id, hash, clientId } of keys) {
    const other = owner.get(hash)
    if (other !== undefined)
      mistakes.push({
        path: `${path}.clients`,
        message: `have one API key twice, at '${other}' and '${clientId}': a key belongs to one client`,
      })
    else if (ids.has(id))
      mistakes.push({ path: `${path}.clients`, message: `have the API key id '${id}' twice, at '${ids.get(id)}' and '${clientId}'` })
    owner.set(hash, clientId)
    ids.set(id, clientId)
  }
}

function apiKey(input: ApiKeyInput, { hash, text }: ReadSecret, realmId: string, clientId: string): ApiKey {
  const id = input.id ?? (text === null ? undefined : apiKeyIdOf(text)) ?? idOf('key', hash)
  return {
    id,
    realmId,
    clientId,
    hash,
    displayName: input.displayName ?? id,
    // When it was made is known to the store, which it is written into at its first start.
    createdAt: 0,
    expiresAt: input.expiresAt === undefined ? null : moment(input.expiresAt),
    endedAt: null,
    origin: 'configuration',
    addresses: [...new Set(input.addresses ?? [])],
  }
}
