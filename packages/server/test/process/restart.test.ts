// One data folder and the processes on it, one after the other and two at a time: what they must agree on, and what opens the keys.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { accessToken, presentation, requestToken, TOKEN_PATHS } from '../harness/demo.ts'
import { postForm, send } from '../harness/http.ts'
import type { Serving } from './program.ts'
import { BOUNDED, complaint, freePort, isOneSentence, run, serve, temporaryFolder } from './program.ts'
import {
  callApi,
  clientCredentials,
  DESK,
  isActive,
  jwks,
  refresh,
  revoke,
  signIn,
  startUpstream,
  TILL,
  tokensOf,
  writeShop,
} from './shop.ts'

let upstream: string
before(async () => {
  upstream = await startUpstream()
})

const MASTER = { MASTER: '6d'.repeat(32) }
const SEALED = { masterKey: { env: 'MASTER' } }

/** Everything on disk below the data folder, as bytes. */
const stored = (folder: string): Buffer => Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))

test('a restart keeps the keys, the tokens and the revocations', BOUNDED, async () => {
  const folder = temporaryFolder()
  const args = ['--config', await writeShop(folder, upstream), '--data', join(folder, 'data')]
  const first = await serve(args)
  const keys = await jwks(first.origin)
  const chain = tokensOf(await signIn(first.origin))
  const opaque = tokensOf(await clientCredentials(first.origin, TILL)).access
  const revoked = tokensOf(await clientCredentials(first.origin, DESK)).access
  assert.equal((await revoke(first.origin, DESK, revoked)).status, 200)
  assert.equal((await first.end('SIGTERM')).code, 0)

  const second = await serve(args)
  assert.deepEqual(await jwks(second.origin), keys)
  assert.equal((await callApi(second.origin, chain.access)).status, 200)
  assert.equal((await callApi(second.origin, opaque)).status, 200)
  assert.equal((await callApi(second.origin, revoked)).status, 401)
  assert.equal(await isActive(second.origin, revoked), false)
  const next = tokensOf(await refresh(second.origin, chain.refresh))
  assert.equal((await callApi(second.origin, next.access)).status, 200)
  assert.equal(complaint(await second.end('SIGTERM')), '')
})

test('the demo with a data folder keeps its keys and tokens over a SIGKILL', BOUNDED, async () => {
  // One port for both: the demo's issuers follow it.
  const args = ['--demo', '--data', join(temporaryFolder(), 'data'), '--port', await freePort()]
  const first = await serve(args)
  const { origin } = first
  const tokens = await Promise.all(
    (['willba', 'wave', 'webcommander'] as const).map(async (realm) => [realm, await accessToken(origin, realm)] as const),
  )
  const refreshToken = (await requestToken(origin, 'wogeez')).json['refresh_token']
  await first.end('SIGKILL')

  const second = await serve(args)
  for (const [realm, token] of tokens) {
    assert.equal((await send(`${origin}/apis/${realm}/orders`, { headers: presentation(realm, token) })).status, 200, realm)
  }
  const renewal = { client_id: 'wogeez-api', grant_type: 'refresh_token', refresh_token: String(refreshToken) }
  assert.equal((await postForm(origin + TOKEN_PATHS.wogeez, renewal)).status, 200)
  await second.end('SIGTERM')
})

test('with a master key no private key is readable in the data folder, and without one a warning says that they are', BOUNDED, async () => {
  for (const [sealed, env] of [
    [true, MASTER],
    [false, {}],
  ] as const) {
    const folder = temporaryFolder()
    const data = join(folder, 'data')
    const server = await serve(['--config', await writeShop(folder, upstream, sealed ? SEALED : {}), '--data', data], { env })
    const [key] = (await jwks(server.origin)).keys
    const whileServing = stored(data)
    const { stderr } = await server.end('SIGTERM')
    for (const bytes of [whileServing, stored(data)]) {
      assert.ok(key?.kid !== undefined && bytes.includes(key.kid))
      assert.equal(bytes.includes('"d":"'), !sealed)
    }
    assert.equal(stderr.includes('masterKey is missing'), !sealed)
  }
})

test('a wrong or a missing master key is one sentence at the start, and the right one opens the keys again', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = ['--data', join(folder, 'data')]
  const sealed = ['--config', await writeShop(folder, upstream, SEALED), ...data]
  const first = await serve(sealed, { env: MASTER })
  const keys = await jwks(first.origin)
  const token = tokensOf(await clientCredentials(first.origin, DESK)).access
  await first.end('SIGTERM')
  const start = (args: readonly string[], env: Record<string, string>) =>
    run(['serve', '--port', '0', '--management-port', '0', ...args], { env }).ended

  const wrong = await start(sealed, { MASTER: '6e'.repeat(32) })
  assert.deepEqual([wrong.code, wrong.stdout], [2, ''], wrong.stderr)
  assert.ok(isOneSentence(complaint(wrong)) && complaint(wrong).includes('masterKey'), wrong.stderr)

  const unset = await start(sealed, {})
  assert.equal(unset.code, 2)
  assert.ok(isOneSentence(complaint(unset)) && complaint(unset).includes('MASTER'), unset.stderr)

  const missing = await start(['--config', await writeShop(temporaryFolder(), upstream), ...data], {})
  assert.equal(missing.code, 2, missing.stderr)
  assert.ok(isOneSentence(complaint(missing)) && complaint(missing).includes('as masterKey'), missing.stderr)

  const again = await serve(sealed, { env: MASTER })
  assert.deepEqual(await jwks(again.origin), keys)
  assert.equal((await callApi(again.origin, token)).status, 200)
  await again.end('SIGTERM')
})

/** Two processes on one new folder, started at the same time. */
const pair = async (): Promise<readonly [Serving, Serving]> => {
  const folder = temporaryFolder()
  const args = ['--config', await writeShop(folder, upstream), '--data', join(folder, 'data')]
  return await Promise.all([serve(args), serve(args)])
}

/** What the requirement allows another process for taking note of a revocation. */
const ELSEWHERE_MS = 1000

test('two processes that start at once on an empty folder sign with one key and accept each other’s tokens', BOUNDED, async () => {
  for (let round = 0; round < 2; round += 1) {
    const [one, two] = await pair()
    const keys = await Promise.all([jwks(one.origin), jwks(two.origin)])
    assert.deepEqual(keys[0], keys[1])
    assert.equal(keys[0].keys.length, 1)
    for (const [from, to] of [
      [one, two],
      [two, one],
    ] as const) {
      for (const client of [DESK, TILL]) {
        const { access } = tokensOf(await clientCredentials(from.origin, client))
        assert.equal((await callApi(to.origin, access)).status, 200)
        assert.ok(await isActive(to.origin, access))
      }
    }
    await Promise.all([one.end('SIGTERM'), two.end('SIGTERM')])
  }
})

test('a token revoked at one process is refused by the other within a second', BOUNDED, async () => {
  const [one, two] = await pair()
  for (const client of [DESK, TILL]) {
    const { access } = tokensOf(await clientCredentials(one.origin, client))
    // The other's guard knows the token by now, so that its cache has a part in this.
    assert.equal((await callApi(two.origin, access)).status, 200)
    assert.equal((await revoke(one.origin, client, access)).status, 200)
    assert.equal((await callApi(one.origin, access)).status, 401)
    await pause(ELSEWHERE_MS)
    assert.equal((await callApi(two.origin, access)).status, 401)
    assert.equal(await isActive(two.origin, access), false)
  }
  await Promise.all([one.end('SIGTERM'), two.end('SIGTERM')])
})

test(
  'of two processes that are sent one refresh token at once exactly one renews it, and its family is dead at both',
  BOUNDED,
  async () => {
    const [one, two] = await pair()
    const families = await Promise.all(Array.from({ length: 24 }, async () => tokensOf(await signIn(one.origin))))
    const winners = await Promise.all(
      families.map(async (chain) => {
        const answers = await Promise.all([refresh(one.origin, chain.refresh), refresh(two.origin, chain.refresh)])
        assert.deepEqual(
          answers.map((answer) => answer.status).toSorted((a, b) => a - b),
          [200, 400],
        )
        const lost = answers.find((answer) => answer.status === 400)
        assert.equal(lost?.json['error'], 'invalid_grant')
        return tokensOf(answers.find((answer) => answer.status === 200) ?? assert.fail())
      }),
    )
    await pause(ELSEWHERE_MS)
    for (const { origin } of [one, two]) {
      for (const { access } of [...families, ...winners]) {
        assert.equal(await isActive(origin, access), false)
        assert.equal((await callApi(origin, access)).status, 401)
      }
    }
    for (const winner of winners) assert.equal((await refresh(two.origin, winner.refresh)).json['error'], 'invalid_grant')
    await Promise.all([one.end('SIGTERM'), two.end('SIGTERM')])
  },
)
