// What every store adapter holds, run over each of them: the configured nouns here, what changes together in
// conformance_transactions.ts, tokens and housekeeping in conformance_tokens.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Store } from '../../src/model/store.ts'
import { runApiKeyConformance } from './conformance_api_keys.ts'
import { runAuditConformance } from './conformance_audit.ts'
import { runGenerationConformance } from './conformance_generations.ts'
import { runIssuingConformance } from './conformance_issuing.ts'
import { runKeyConformance } from './conformance_keys.ts'
import { runMeteringConformance } from './conformance_metering.ts'
import { runRevocationConformance } from './conformance_revocations.ts'
import { runSecretConformance } from './conformance_secrets.ts'
import { runTokenConformance } from './conformance_tokens.ts'
import { runTransactionConformance } from './conformance_transactions.ts'
import type { OpenedStore, WithStore } from './opened_store.ts'
import { rotate, start } from './recording.ts'
import { ACT, apiKey, client, family, NOW, realm, refreshToken, secret, user } from './samples.ts'

/** Registers the suite. `open` gives a new and empty database each time; the suite closes every store it was given. */
export const runStoreConformance = (name: string, open: () => Promise<OpenedStore>): void => {
  const withStore: WithStore = (act) => async () => {
    const { store, ledger } = await open()
    try {
      await act(store, ledger)
    } finally {
      await store.close()
    }
  }

  describe(`the store conformance suite over ${name}`, () => {
    test('a realm is found as it was put, replaced by a second put, listed by id', withStore(realms))
    test('a client is found as it was put, with its secrets in their order', withStore(clients))
    test('clients are listed page by page in the order of their ids', withStore(clientPages))
    test('any client a caller can spell comes back unchanged', withStore(anyClient))
    test('whatever is looked up, what is not there is not found', withStore(hostileLookups))
    test('removing a client takes its secrets, API keys and refresh tokens along and nobody else’s', withStore(clientRemoval))
    test('a user is found by id and by the exact user name', withStore(users))
    test('users are listed page by page in the order of their names', withStore(userPages))
    test('a second user of the same name is refused and the first stays', withStore(sameUsername))
    test('an API key is found by its hash in its own realm only', withStore(apiKeys))
    runKeyConformance(withStore)
    runTransactionConformance(withStore)
    runSecretConformance(withStore)
    runApiKeyConformance(withStore)
    runRevocationConformance(withStore)
    runGenerationConformance(withStore)
    runIssuingConformance(withStore)
    runAuditConformance(withStore)
    runMeteringConformance(withStore)
    runTokenConformance(open, withStore)
  })
}

const realms = async (store: Store): Promise<void> => {
  assert.equal(await store.realms.find('a'), undefined)
  await Promise.all([store.realms.put(realm('b'), ACT), store.realms.put(realm('a'), ACT)])
  assert.deepEqual(await store.realms.find('a'), realm('a'))
  assert.deepEqual(await store.realms.list(), [realm('a'), realm('b')])
  await store.clients.put(client('a', 'app'), ACT)
  await store.realms.put(realm('a', { displayName: 'Other', hosts: [] }), ACT)
  assert.deepEqual(await store.realms.find('a'), realm('a', { displayName: 'Other', hosts: [] }))
  assert.deepEqual(await store.clients.find('a', 'app'), client('a', 'app'), 'replacing a realm keeps its clients')
}

const clients = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  const full = client('a', 'app', {
    secrets: [secret('z', { sealed: 'sealed:v1:AA' }), secret('a', { expiresAt: NOW + 5 }), secret('m', { origin: 'command' })],
    defaultAudience: 'https://api.example',
  })
  await store.clients.put(full, ACT)
  assert.deepEqual(await store.clients.find('a', 'app'), full)
  assert.equal(await store.clients.find('b', 'app'), undefined)
  assert.equal(await store.clients.find('a', 'APP'), undefined)
  const made = secret('m', { origin: 'command' })
  const fewer = client('a', 'app', { secrets: [secret('new'), secret('a', { expiresAt: NOW + 4 })], enabled: false })
  await store.clients.put(fewer, ACT)
  assert.deepEqual(await store.clients.find('a', 'app'), { ...fewer, secrets: [...fewer.secrets, made] })
  const none = client('a', 'app', { secrets: [], authMethods: ['none'] })
  await store.clients.put(none, ACT)
  assert.deepEqual(await store.clients.find('a', 'app'), { ...none, secrets: [made] })
  await assert.rejects(store.clients.put(client('nowhere', 'app'), ACT))
}

const clientPages = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  const ids = ['B', 'a', 'a1', 'a10', 'a2', 'b', 'é', '😀']
  const secrets = [1, 2].map((n) => secret(`s${n}`))
  await Promise.all(ids.toReversed().map((id, n) => store.clients.put(client('a', id, { secrets: n % 2 === 0 ? secrets : [] }), ACT)))
  await store.clients.put(client('b', 'a3'), ACT)
  const seen: string[] = []
  for (let after = ''; ; ) {
    const page = await store.clients.list('a', after, 3)
    assert.ok(page.length <= 3)
    for (const found of page) assert.deepEqual(found, await store.clients.find('a', found.clientId))
    seen.push(...page.map((found) => found.clientId))
    const last = page.at(-1)
    if (last === undefined) break
    after = last.clientId
  }
  assert.deepEqual(seen, ids)
}

const anyClient = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
  // PostgreSQL has no NUL in a text; inside a document JSON escapes it.
  const id = text.filter((made) => !made.includes('\0'))
  await fc.assert(
    fc.asyncProperty(
      id,
      text,
      fc.array(text, { maxLength: 3 }),
      fc.option(text),
      async (clientId, displayName, scopes, defaultAudience) => {
        const odd = client('a', clientId, { displayName, scopes, defaultAudience })
        await store.clients.put(odd, ACT)
        assert.deepEqual(await store.clients.find('a', clientId), odd)
      },
    ),
    { numRuns: 50 },
  )
}

const hostileLookups = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.users.put(user('a', 'u1', { username: 'app' }), ACT)
  for (const asked of ["app' OR '1'='1", 'app\0', '\0', '\ud800', 'app%', '', '__proto__', 'app'.repeat(100_000)]) {
    assert.equal(await store.clients.find('a', asked), undefined)
    assert.equal(await store.clients.find(asked, 'app'), undefined)
    assert.equal(await store.users.findByUsername('a', asked), undefined)
    assert.equal(await store.apiKeys.findByHash('a', asked), undefined)
    assert.equal(await store.refreshTokens.find('a', asked), undefined)
    assert.equal(await rotate(store, 'a', asked, refreshToken(asked, 'next'), NOW, NOW), 'gone')
  }
}

const clientRemoval = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  for (const id of ['app', 'other']) {
    await store.clients.put(client('a', id), ACT)
    await store.apiKeys.put(apiKey('a', id, `key-of-${id}`), ACT)
    await start(store, family('a', `family-of-${id}`, { clientId: id }), refreshToken(`family-of-${id}`, `token-of-${id}`))
  }
  await store.clients.remove('a', 'app', ACT)
  await store.clients.remove('a', 'never-there', ACT)
  assert.equal(await store.clients.find('a', 'app'), undefined)
  assert.equal(await store.apiKeys.findByHash('a', 'sha256:key-key-of-app'), undefined)
  assert.equal(await store.refreshTokens.find('a', 'token-of-app'), undefined)
  assert.deepEqual(await store.clients.find('a', 'other'), client('a', 'other'))
  assert.equal((await store.apiKeys.list('a', 'other')).length, 1)
  assert.equal((await store.refreshTokens.find('a', 'token-of-other'))?.family.clientId, 'other')
  await store.clients.put(client('a', 'app', { secrets: [] }), ACT)
  assert.deepEqual((await store.clients.find('a', 'app'))?.secrets, [], 'the secrets did not outlive their client')
}

const users = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  const ada = user('a', 'u1', { username: 'Ada+1 %&=', claims: { name: 'Ada', nested: { list: [1, null, 'x'] } } })
  await store.users.put(ada, ACT)
  assert.deepEqual(await store.users.find('a', 'u1'), ada)
  assert.deepEqual(await store.users.findByUsername('a', 'Ada+1 %&='), ada)
  assert.equal(await store.users.findByUsername('a', 'ada+1 %&='), undefined)
  assert.equal(await store.users.findByUsername('b', 'Ada+1 %&='), undefined)
  const renamed = user('a', 'u1', { username: 'ada', enabled: false })
  await store.users.put(renamed, ACT)
  assert.deepEqual(await store.users.find('a', 'u1'), renamed)
  assert.equal(await store.users.findByUsername('a', 'Ada+1 %&='), undefined)
  await store.users.remove('a', 'u1', ACT)
  assert.equal(await store.users.find('a', 'u1'), undefined)
}

const userPages = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  const names = ['alice', 'bob', 'carol', 'dave']
  await Promise.all(names.map((username, n) => store.users.put(user('a', `id-${9 - n}`, { username }), ACT)))
  const named = async (after: string, limit: number) => (await store.users.list('a', after, limit)).map((found) => found.username)
  assert.deepEqual(await named('', 3), ['alice', 'bob', 'carol'])
  assert.deepEqual(await named('carol', 3), ['dave'])
  assert.deepEqual(await named('dave', 3), [])
}

const sameUsername = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.users.put(user('a', 'u1', { username: 'ada' }), ACT)
  await assert.rejects(store.users.put(user('a', 'u2', { username: 'ada' }), ACT))
  assert.equal((await store.users.findByUsername('a', 'ada'))?.id, 'u1')
  assert.equal(await store.users.find('a', 'u2'), undefined)
}

const apiKeys = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k2'), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k1', { expiresAt: NOW + 60 }), ACT)
  assert.deepEqual(await store.apiKeys.findByHash('a', 'sha256:key-k1'), apiKey('a', 'app', 'k1', { expiresAt: NOW + 60 }))
  assert.equal(await store.apiKeys.findByHash('b', 'sha256:key-k1'), undefined)
  assert.deepEqual(
    (await store.apiKeys.list('a', 'app')).map((key) => key.id),
    ['k1', 'k2'],
  )
  await assert.rejects(store.apiKeys.put(apiKey('a', 'nobody', 'k3'), ACT))
  await store.apiKeys.remove('a', 'k1', ACT)
  assert.equal(await store.apiKeys.findByHash('a', 'sha256:key-k1'), undefined)
}
