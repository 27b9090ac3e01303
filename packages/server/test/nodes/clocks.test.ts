// Two nodes whose clocks differ by seconds: a token of the one that is ahead is good at the other at once, and can be given back there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { BOUNDED, temporaryFolder } from '../process/program.ts'

const SECRET = 'the secret of the tests of clocks that differ'
const APART = 4
const LIFETIME = 60
const START = 1_790_000_000

test(
  'a token of a node whose clock is ahead is good at the others, and what they acknowledge of it counts everywhere',
  BOUNDED,
  async (context) => {
    const upstream = await startEcho()
    const input: ConfigInput = {
      data: temporaryFolder(),
      publicUrl: 'https://auth.clocks.example',
      realms: [
        {
          id: 'clocks',
          audiences: ['https://api.clocks.example'],
          accessTokenLifetime: LIFETIME,
          clients: [
            { clientId: 'jwt', secret: { hash: secretHash(SECRET) }, introspects: true },
            { clientId: 'opaque', secret: { hash: secretHash(SECRET) }, tokenFormat: 'opaque', introspects: true },
          ],
        },
      ],
      apis: [{ id: 'clocks', realm: 'clocks', upstream: upstream.origin }],
    }
    let passed = 0
    const ahead = await startConfigured(input, {}, () => START + passed + APART)
    const behind = await startConfigured(input, {}, () => START + passed)
    context.after(async () => {
      await Promise.all([ahead.close(), behind.close()])
      await upstream.close()
    })
    const post = (origin: string, client: string, path: string, parameters: Record<string, string>) =>
      postForm(`${origin}/realms/clocks/oauth2/${path}`, parameters, basic(client, SECRET))
    const call = async (origin: string, token: string) =>
      (await send(`${origin}/apis/clocks/x`, { headers: { authorization: `Bearer ${token}` } })).status
    for (const client of ['jwt', 'opaque']) {
      const issue = async (): Promise<string> =>
        String((await post(ahead.origin, client, 'token', { grant_type: 'client_credentials' })).json['access_token'])
      const isActive = async (origin: string, token: string) => (await post(origin, client, 'introspect', { token })).json['active']
      const token = await issue()
      assert.equal(await call(behind.origin, token), 200)
      assert.equal(await isActive(behind.origin, token), true)
      assert.equal((await post(behind.origin, client, 'revoke', { token })).status, 200)
      await pause(1000)
      for (const { origin } of [ahead, behind]) assert.deepEqual([await isActive(origin, token), await call(origin, token)], [false, 401])

      // By the clock that is ahead it has ended; the other node would take it for seconds more.
      const late = await issue()
      passed += LIFETIME
      assert.equal(await isActive(ahead.origin, late), false)
      assert.equal(await call(behind.origin, late), 200)
      assert.equal((await post(ahead.origin, client, 'revoke', { token: late })).status, 200)
      await pause(1000)
      assert.deepEqual([await isActive(behind.origin, late), await call(behind.origin, late)], [false, 401])
    }
    assert.deepEqual([...ahead.reports, ...behind.reports], [])
  },
)
