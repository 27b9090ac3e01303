// What holds for several nodes on one database, whichever it is: seen from outside, each node a process of its own.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createProofSigner } from '@countersign/protocol/jose/dpop'
import { generatePrivateJwk } from '@countersign/protocol/jose/jwk'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import type { Serving } from '../process/program.ts'
import { BOUNDED, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'
import { API_PATH, ask, BUDGET, call, command, isActive, prove, revoke, TOKEN_PATH, token, until, writeMarket } from './market.ts'

const NODES = 3

/** @param whereOf flags that name a new database, given an empty folder */
export const runNodes = (name: string, whereOf: (folder: string) => Promise<readonly string[]>, skip: string | false = false): void => {
  describe(`three nodes on ${name}`, { skip }, () => {
    let where: readonly string[]
    let nodes: readonly Serving[]
    let origins: readonly string[]
    const at = (index: number): string => origins[index % NODES] ?? ''
    before(async () => {
      const folder = temporaryFolder()
      where = await whereOf(folder)
      const config = writeMarket(folder, await startUpstream())
      // At once, on a database that is not there yet.
      nodes = await Promise.all(Array.from({ length: NODES }, () => serve(['--config', config, ...where])))
      origins = nodes.map(({ origin }) => origin)
    })

    test(
      'a token of one is good at every other from the first moment, and a second after its revocation introspection knows',
      BOUNDED,
      async () => {
        const text = await token(at(0), 'baker')
        for (const origin of origins) assert.equal(await call(origin, text), 200)
        assert.equal((await revoke(at(0), 'baker', text)).status, 200)
        assert.equal(await isActive(at(0), text), false)
        await pause(1000)
        for (const origin of origins) assert.equal(await isActive(origin, text), false)
        await until(async () => (await Promise.all(origins.map((origin) => call(origin, text)))).every((status) => status === 401))
      },
    )

    test('while keys are changed at once, no token of any node is refused by another', BOUNDED, async () => {
      const state = { isChanging: true }
      const kids = new Set<string | undefined>()
      const lane = async (index: number): Promise<void> => {
        for (let turn = index; state.isChanging; turn++) {
          const text = await token(at(turn), 'grocer')
          kids.add(decodeProtectedHeader(text).kid)
          assert.equal(await call(at(turn + 1), text), 200)
          assert.equal(await isActive(at(turn + 2), text), true)
        }
      }
      const lanes = Promise.all(Array.from({ length: 6 }, (_, index) => lane(index)))
      try {
        for (let change = 0; change < 2; change++) await command(where, 'key', 'rotate', '--now')
        await until(async () => kids.size >= 3 || decodeProtectedHeader(await token(at(0), 'grocer')).kid === [...kids].at(-1))
      } finally {
        state.isChanging = false
        await lanes
      }
      assert.ok(kids.size >= 2, `${kids.size} keys signed`)
    })

    test('a client that is disabled gets no tokens anywhere, and those it has are refused', BOUNDED, async () => {
      const text = await token(at(0), 'florist')
      for (const origin of origins) assert.equal(await call(origin, text), 200)
      await command(where, 'client', 'disable', '--client', 'florist')
      await until(async () => (await Promise.all(origins.map((origin) => ask(origin, 'florist')))).every(({ status }) => status === 401))
      await until(async () => (await Promise.all(origins.map((origin) => call(origin, text)))).every((status) => status === 401))
    })

    test('a secret made by command works at every node, and cut it works at none, nor does what it minted', BOUNDED, async () => {
      const secret = (await command(where, 'secret', 'create', '--client', 'butcher')).trim()
      await until(async () =>
        (await Promise.all(origins.map((origin) => ask(origin, 'butcher', { secret })))).every((one) => one.status === 200),
      )
      const text = await token(at(1), 'butcher', { secret })
      const listed = JSON.parse(await command(where, 'secret', 'list', '--client', 'butcher', '--json')) as { id: string; origin: string }[]
      const made = listed.find((one) => one.origin === 'command')
      assert.ok(made)
      await command(where, 'secret', 'cut', '--client', 'butcher', '--id', made.id)
      await until(async () =>
        (await Promise.all(origins.map((origin) => ask(origin, 'butcher', { secret })))).every((one) => one.status !== 200),
      )
      await until(async () => (await Promise.all(origins.map((origin) => call(origin, text)))).every((status) => status === 401))
      assert.equal((await ask(at(2), 'butcher')).status, 200, 'its other secret lives')
    })

    test('a client that shares its token gets the same one from every node', BOUNDED, async () => {
      const all = await Promise.all(Array.from({ length: 12 }, (_, index) => token(at(index), 'sharing')))
      assert.equal(new Set(all.map((text) => decodeJwt(text).jti)).size, 1)
    })

    test('a proof is good once, at whichever node, for a token and at an API', BOUNDED, async () => {
      const key = createProofSigner(await generatePrivateJwk('ES256'))
      // Each node knows the endpoint by the issuer's origin.
      const proof = prove(key, { method: 'POST', url: `https://auth.market.example${TOKEN_PATH}` })
      const first = await ask(at(0), 'baker', { dpop: proof })
      assert.equal(first.status, 200, first.text)
      assert.equal((await ask(at(1), 'baker', { dpop: proof })).status, 400)
      const accessToken = String(first.json['access_token'])
      const atApi = prove(key, { method: 'GET', url: `https://auth.market.example${API_PATH}`, accessToken })
      assert.equal(await call(at(1), accessToken, atApi), 200)
      for (const origin of origins) assert.equal(await call(origin, accessToken, atApi), 401)
    })

    test('a budget is exact, however its requests are spread', BOUNDED, async () => {
      const delivered = new Set<unknown>()
      let refused = 0
      const lane = async (index: number): Promise<void> => {
        while (refused < 12) {
          const { status, json, text } = await ask(at(index), 'counted')
          assert.ok(status === 200 || status === 429, text)
          if (status === 200) delivered.add(json['access_token'])
          else refused += 1
        }
      }
      await Promise.all(Array.from({ length: 24 }, (_, index) => lane(index)))
      assert.equal(delivered.size, BUDGET)
    })

    test('each ends when it is told, and complained of nothing', BOUNDED, async () => {
      for (const node of nodes) {
        const { code, stderr } = await node.end('SIGTERM')
        assert.equal(code, 0, stderr)
        assert.doesNotMatch(stderr, /"level":"error"/)
      }
    })
  })
}
