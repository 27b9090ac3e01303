// A dialect for the client: by name, by document, and refused with a sentence where it is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { dialect } from '../src/dialect.ts'
import { startProvider } from './fake_provider.ts'

const options: ClientOptions = { tokenUrl: 'https://login.example.com/token', clientId: 'ours', clientSecret: 'our-secret' }

test('a client speaks a dialect by its name, by its document, and one that was compiled for a guard', async (t) => {
  const document = { extends: 'webcommander', name: 'ours', presentation: { token: [{ header: 'x-session', scheme: null }] } }
  const provider = await startProvider(t, document)
  const user = { ...options, tokenUrl: provider.tokenUrl, username: 'someone', password: 'pass' }
  for (const [spoken, header] of [
    [dialect('webcommander'), 'access_token'],
    [dialect(document), 'x-session'],
    [compile(resolveDialect(document)), 'x-session'],
  ] as const) {
    assert.deepEqual(Object.keys(await createClient({ ...user, dialect: spoken }).headers()), [header])
  }
})

test('a name that is no dialect, and a document that is none, are refused with the place and the mend', () => {
  assert.throws(() => dialect('unknown'), {
    name: 'ConfigurationError',
    message: /must be one of standard, keycloak, auth0, webcommander/,
  })
  assert.throws(() => dialect({ extends: 'standard', name: 'ours', verbatim: 'yes' }), {
    name: 'ConfigurationError',
    message: /verbatim must be true or false/,
  })
})

test('a program without types that gives the core a name or a bare document is told where the check is', () => {
  for (const bare of ['keycloak', resolveDialect('keycloak')]) {
    const untyped = { ...options, dialect: bare } as unknown as ClientOptions
    assert.throws(() => createClient(untyped), { name: 'ConfigurationError', message: /dialect\(\) of '@countersign\/call\/dialect'/ })
  }
})
