// A guard in another program: what is revoked at the server is refused here, though nobody asked; and what is not known is 503.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import { secretOf } from '../issue/orders.ts'
import { commandLine, dropKey } from './commands.ts'
import type { Elsewhere } from './elsewhere.ts'
import { API_KEY, BOUNDED, becomes, codeOf, followFrom, startElsewhere, watched } from './elsewhere.ts'

let server: Elsewhere
before(async () => {
  server = await startElsewhere()
})
after(() => server.stop())

test('a guard elsewhere judges by itself once it knows the realm', BOUNDED, async () => {
  const asked: string[] = []
  const guard = await followFrom(server.origin, { fetch: watched((path) => asked.push(path)) })
  try {
    const bearer = await server.bearer('shop')
    for (let i = 0; i < 20; i++) assert.equal(await codeOf(guard, bearer), 'allowed')
    assert.deepEqual(asked, ['/realms/far/guard', '/realms/far/.well-known/jwks.json', '/realms/far/revocations'])
  } finally {
    guard.close()
  }
})

test('a token revoked at the server is refused by guards that have cached it, and its neighbours live', BOUNDED, async () => {
  const guards = await Promise.all([followFrom(server.origin), followFrom(server.origin)])
  try {
    const [dying, living, opaque] = [
      await server.bearer('shop', { scope: 'read' }),
      await server.bearer('other'),
      await server.bearer('reference'),
    ]
    for (const guard of guards) for (const one of [dying, living, opaque]) assert.equal(await codeOf(guard, one), 'allowed')
    await server.revoke('shop', dying)
    await server.revoke('reference', opaque)
    for (const guard of guards) {
      for (const one of [dying, opaque]) await becomes('the revoked token', 'invalid_token', () => codeOf(guard, one))
      assert.equal(await codeOf(guard, living), 'allowed')
    }
  } finally {
    for (const guard of guards) guard.close()
  }
})

test('what was revoked before a guard came is known to it from its first verdict on', BOUNDED, async () => {
  const bearer = await server.bearer('shop', { scope: 'write' })
  await server.revoke('shop', bearer)
  const guard = await followFrom(server.origin)
  try {
    assert.equal(await codeOf(guard, bearer), 'invalid_token')
  } finally {
    guard.close()
  }
})

test('tokens of a client that a command switches off die everywhere, and new ones live when it is switched on again', BOUNDED, async () => {
  const guard = await followFrom(server.origin)
  try {
    const [bearer, opaque, other] = [await server.bearer('shop'), await server.bearer('reference'), await server.bearer('other')]
    for (const one of [bearer, opaque, other]) assert.equal(await codeOf(guard, one), 'allowed')
    for (const id of ['shop', 'reference']) await commandLine(server, ['client', 'disable', '--client', id, '--realm', 'far'])
    for (const one of [bearer, opaque]) await becomes('the token of a disabled client', 'invalid_token', () => codeOf(guard, one))
    assert.equal(await codeOf(guard, other), 'allowed')
    for (const id of ['shop', 'reference']) await commandLine(server, ['client', 'enable', '--client', id, '--realm', 'far'])
    // Those of before stay dead; what it is given from now on lives.
    await becomes('a token of the client that is on again', 'allowed', async () => {
      try {
        return await codeOf(guard, await server.bearer('shop'))
      } catch {
        return 'no token yet'
      }
    })
    assert.equal(await codeOf(guard, bearer), 'invalid_token')
  } finally {
    guard.close()
  }
})

test('introspection tells of a client that is switched off too', BOUNDED, async () => {
  const bearer = await server.bearer('reference')
  await commandLine(server, ['client', 'disable', '--client', 'reference', '--realm', 'far'])
  await becomes('the opaque token', 'false', async () => {
    const answer = await postForm(
      `${server.origin}/realms/far/oauth2/introspect`,
      { token: bearer.slice(7) },
      basic('api', secretOf('api')),
    )
    return String(answer.json['active'])
  })
})

test('an API key is asked for once, and dropped when it is dropped at the server', BOUNDED, async () => {
  const asked: string[] = []
  const counting = watched((path, body) => path.endsWith('/api-key') && asked.push(body))
  const guard = await followFrom(server.origin, { apiKey: 'required', fetch: counting })
  try {
    const bearer = await server.bearer('shop', { scope: 'read write' })
    const keyed = (key: string): Promise<string> => codeOf(guard, bearer, { 'x-api-key': key })
    for (let i = 0; i < 5; i++) assert.equal(await keyed(API_KEY), 'allowed')
    assert.equal(asked.length, 1)
    assert.ok(asked.every((body) => !body.includes(encodeURIComponent(API_KEY)) && body.startsWith('hash=sha256')))
    assert.equal(await keyed('a-key-that-nobody-has'), 'invalid_api_key')
    assert.equal(await codeOf(guard, await server.bearer('other'), { 'x-api-key': API_KEY }), 'client_mismatch')
    await dropKey(server, 'dashboard')
    await becomes('the dropped key', 'invalid_api_key', () => keyed(API_KEY))
  } finally {
    guard.close()
  }
})
