// The client against Glewlwyd, an authorization server that shares no line with ours: by discovery and in the standards' own dialect.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@countersign/call'
import { TokenRequestFailed } from '@countersign/call/errors'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { simulatedTime, startApi } from '../fake_provider.ts'
import { GLEWLWYD_MISSING, startGlewlwyd } from './glewlwyd_server.ts'

test('Glewlwyd, known by its issuer alone', { skip: GLEWLWYD_MISSING }, async (t) => {
  const { issuer, plain, special, user } = await startGlewlwyd(t)
  const asked = { issuer, scope: 'orders:read' }

  await t.test('gives client_credentials tokens by either method, and its signature and claims are right', async () => {
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
    for (const options of [
      plain,
      { ...plain, clientAuth: 'client_secret_post' as const },
      { ...special, clientAuth: 'client_secret_post' as const },
    ]) {
      const { accessToken, expiresAt, scope } = await createClient({ ...asked, ...options }).token()
      const { payload, protectedHeader } = await jwtVerify(accessToken, keys, { issuer, typ: 'at+jwt' })
      assert.deepEqual(
        [protectedHeader.alg, payload['client_id'], payload['scope'], scope],
        ['ES256', options.clientId, 'orders:read', ['orders:read']],
      )
      assert.ok(Math.abs((payload.exp ?? 0) - expiresAt) <= 1)
    }
  })

  await t.test('fifty calls of an API cost one token of it', async () => {
    const api = await startApi(t)
    const client = createClient({ ...asked, ...plain, apiOrigins: [api.origin] })
    await Promise.all(Array.from({ length: 50 }, () => client.fetch(api.origin)))
    assert.deepEqual([api.seen.length, new Set(api.seen.map(({ headers }) => headers.authorization)).size], [50, 1])
    assert.equal(api.seen[0]?.headers.authorization, `Bearer ${(await client.token()).accessToken}`)
  })

  await t.test("renews a user's token by the refresh token, which it takes once only, over and over", async () => {
    const time = simulatedTime()
    const sent: string[] = []
    const watched: typeof globalThis.fetch = (input, init) => {
      if (typeof init?.body === 'string') sent.push(new URLSearchParams(init.body).get('grant_type') ?? '')
      return fetch(input, init)
    }
    const client = createClient({ ...asked, ...plain, ...user, monotonic: time.monotonic, now: time.now, fetch: watched })
    const given = new Set<string>()
    for (let n = 0; n < 4; n++) {
      given.add((await client.token()).accessToken)
      time.ms += 600_000
    }
    assert.deepEqual(sent, ['password', 'refresh_token', 'refresh_token', 'refresh_token'])
    assert.equal(given.size, 4)
  })

  await t.test('says what is wrong with a secret or a scope, and the client tells it without the secret', async () => {
    const wrong = { ...asked, ...plain, clientSecret: 'not-the-secret' }
    await assert.rejects(
      createClient(wrong).token(),
      (error) => error instanceof TokenRequestFailed && !/not-the-secret/.test(error.message) && !error.temporary,
    )
    await assert.rejects(createClient({ ...asked, ...plain, scope: 'orders:write' }).token(), TokenRequestFailed)
  })

  await t.test('forgets a token that was revoked', async () => {
    const client = createClient({ ...asked, ...plain })
    const { accessToken } = await client.token()
    const introspect = async (): Promise<unknown> => {
      const authorization = `Basic ${Buffer.from(`${plain.clientId}:${plain.clientSecret}`).toString('base64')}`
      const answer = await fetch(`${issuer}/introspect`, {
        method: 'POST',
        headers: { authorization },
        body: new URLSearchParams({ token: accessToken }),
      })
      return ((await answer.json()) as Record<string, unknown>)['active']
    }
    assert.equal(await introspect(), true)
    await client.revoke()
    assert.equal(await introspect(), false)
  })
})
