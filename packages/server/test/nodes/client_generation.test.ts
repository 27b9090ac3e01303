// A client that is switched off loses what any node gave it until then, whatever the node's clock says; switched on again at once it loses
// nothing of what it gets from then on.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import type { ConfigInput } from '../../src/config/input.ts'
import { endTokens } from '../../src/issue/client_tokens.ts'
import type { Client } from '../../src/model/client.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { BOUNDED, temporaryFolder } from '../process/program.ts'
import { until } from './market.ts'

const SECRET = 'the secret of the tests of generations'
const START = 1_790_000_000
const KINDS = ['jwt', 'opaque', 'shared'] as const

test('the end of a client is no matter of clocks', BOUNDED, async (context) => {
  const upstream = await startEcho()
  const folder = temporaryFolder()
  const input: ConfigInput = {
    data: folder,
    publicUrl: 'https://auth.clocks.example',
    realms: [
      {
        id: 'clocks',
        audiences: ['https://api.clocks.example'],
        clients: [
          ...KINDS.map((clientId) => ({
            clientId,
            secret: { hash: secretHash(SECRET) },
            ...(clientId === 'opaque' && { tokenFormat: 'opaque' as const }),
            ...(clientId === 'shared' && { reuse: true }),
          })),
          { clientId: 'checker', secret: { hash: secretHash(SECRET) }, introspects: true },
        ],
      },
    ],
    apis: [{ id: 'clocks', realm: 'clocks', upstream: upstream.origin }],
  }
  const ahead = await startConfigured(input, {}, () => START + 5)
  const behind = await startConfigured(input, {}, () => START - 4)
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  context.after(async () => {
    await Promise.all([ahead.close(), behind.close(), store.close()])
    await upstream.close()
  })
  const origins = [ahead.origin, behind.origin]
  const follow = async (client: (typeof KINDS)[number]): Promise<void> => {
    const request = (origin: string) =>
      postForm(`${origin}/realms/clocks/oauth2/token`, { grant_type: 'client_credentials' }, basic(client, SECRET))
    const issue = async (origin: string): Promise<string> => {
      const { status, json, text } = await request(origin)
      assert.equal(status, 200, text)
      return String(json['access_token'])
    }
    /** What each node's guard and introspection say. */
    const looks = async (token: string): Promise<string> => {
      const seen = origins.map(async (origin) => {
        const { status } = await send(`${origin}/apis/clocks/x`, { headers: { authorization: `Bearer ${token}` } })
        const { json } = await postForm(`${origin}/realms/clocks/oauth2/introspect`, { token }, basic('checker', SECRET))
        return `${status} ${String(json['active'])}`
      })
      return (await Promise.all(seen)).join(', ')
    }
    const old = [await issue(ahead.origin), await issue(behind.origin)]
    for (const token of old) assert.equal(await looks(token), '200 true, 200 true', client)
    for (let times = 0; times < 2; times++) {
      await switchClient(store, client, false)
      await until(async () => (await request(ahead.origin)).status === 401 && (await request(behind.origin)).status === 401)
      await switchClient(store, client, true)
      await until(async () => (await request(ahead.origin)).status === 200 && (await request(behind.origin)).status === 200)
      const fresh = [await issue(ahead.origin), await issue(behind.origin)]
      if (client === 'shared') assert.equal(decodeJwt(fresh[0] ?? '').jti, decodeJwt(fresh[1] ?? '').jti, 'one token for all')
      await pause(1000)
      for (const token of old.splice(0)) assert.equal(await looks(token), '401 false, 401 false', client)
      for (const token of fresh) assert.equal(await looks(token), '200 true, 200 true', client)
      old.push(...fresh)
    }
  }
  await Promise.all(KINDS.map(follow))
  assert.deepEqual([...ahead.reports, ...behind.reports], [])
})

/** As `countersign client enable|disable` does, by a clock of its own. */
async function switchClient(store: Store, clientId: string, enabled: boolean): Promise<void> {
  const act = { at: START, by: 'test' }
  const client: Client | undefined = await store.clients.find('clocks', clientId)
  assert.ok(client)
  await store.clients.put({ ...client, enabled }, act)
  if (!enabled) await endTokens(store, client, act)
}
