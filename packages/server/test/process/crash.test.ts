// SIGKILL at any moment: whatever a client was told before it, over a real socket, holds after the restart.
// What was asked and not answered may have happened or not, but never by half. CRASH_ROUNDS=1000 raises the number of rounds.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { Answer } from '../harness/http.ts'
import type { Serving } from './program.ts'
import { BOUNDED, run, serve, temporaryFolder } from './program.ts'
import type { Tokens } from './shop.ts'
import {
  AUDIENCE,
  callApi,
  clientCredentials,
  DESK,
  ISSUER,
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

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? Number.POSITIVE_INFINITY)
/** Without CRASH_ROUNDS: as many rounds as fit. */
const ENOUGH_MS = 20_000
const CHAINS = 5
/** A workload goes on for this long at most, in milliseconds. */
const LONGEST_ROUND = 500
/** Of what earlier rounds acknowledged so many of each kind are looked at again after each crash, and at the end. */
const LOOKED_AT_AGAIN = 12
const LOOKED_AT_LAST = 500

interface Chain {
  /** The newest tokens that were acknowledged. */
  tokens: Tokens
  /** A refresh was sent and its answer did not arrive. */
  open: boolean
}

/** What the clients know. */
interface Known {
  chains: Chain[]
  readonly jwts: string[]
  readonly opaque: string[]
  readonly revoked: string[]
  /** Families given back as a whole: the refresh token and an access token of each. */
  readonly dead: Tokens[]
  kids: string
}

interface Tally {
  refreshes: number
  /** Of chains with an open refresh: how many went on with the old token, and how many had been renewed unheard. */
  undone: number
  done: number
}

/** The answer, which must be a success, or undefined if the connection broke. */
const heard = async (asked: Promise<Answer>): Promise<Answer | undefined> => {
  const answer = await asked.catch(() => undefined)
  if (answer) assert.equal(answer.status, 200, answer.text)
  return answer
}

const refreshing = async (origin: string, chain: Chain, tally: Tally): Promise<void> => {
  while (true) {
    chain.open = true
    const answer = await heard(refresh(origin, chain.tokens.refresh))
    if (answer === undefined) return
    chain.tokens = tokensOf(answer)
    chain.open = false
    tally.refreshes += 1
  }
}

const issuing = async (origin: string, client: typeof TILL, acknowledged: string[]): Promise<void> => {
  while (true) {
    const answer = await heard(clientCredentials(origin, client))
    if (answer === undefined) return
    acknowledged.push(tokensOf(answer).access)
  }
}

const revoking = async (origin: string, client: typeof TILL, revoked: string[]): Promise<void> => {
  while (true) {
    const issued = await heard(clientCredentials(origin, client))
    if (issued === undefined) return
    const { access } = tokensOf(issued)
    if ((await heard(revoke(origin, client, access))) === undefined) return
    revoked.push(access)
  }
}

const endingFamilies = async (origin: string, dead: Tokens[]): Promise<void> => {
  while (true) {
    const started = await heard(signIn(origin))
    const renewed = started && (await heard(refresh(origin, tokensOf(started).refresh)))
    const tokens = renewed && tokensOf(renewed)
    if (tokens === undefined || (await heard(revoke(origin, DESK, tokens.refresh))) === undefined) return
    dead.push(tokens)
  }
}

const workUntilKilled = async (server: Serving, known: Known, tally: Tally): Promise<void> => {
  const { origin } = server
  const lanes = [
    ...known.chains.map((chain) => refreshing(origin, chain, tally)),
    issuing(origin, DESK, known.jwts),
    issuing(origin, TILL, known.opaque),
    revoking(origin, DESK, known.revoked),
    revoking(origin, TILL, known.revoked),
    endingFamilies(origin, known.dead),
  ]
  // A lane that finds something wrong must not wait for the others' end, which comes with the kill only.
  await Promise.race([pause(Math.random() * LONGEST_ROUND), Promise.all(lanes)])
  await server.end('SIGKILL')
  await Promise.all(lanes)
}

const checkChain = async (origin: string, chain: Chain, tally: Tally): Promise<Chain | undefined> => {
  const answer = await refresh(origin, chain.tokens.refresh)
  if (!chain.open) return { tokens: tokensOf(answer), open: false }
  if (answer.status === 200) {
    tally.undone += 1
    return { tokens: tokensOf(answer), open: false }
  }
  // The rotation was stored and its answer lost: to the server this is a replay, and it must say so and nothing else.
  assert.deepEqual([answer.status, answer.json['error']], [400, 'invalid_grant'])
  tally.done += 1
  return undefined
}

const sample = <T>(list: readonly T[], from: number, most: number): readonly T[] => {
  if (from <= most) return list
  const earlier = new Set(Array.from({ length: most }, () => Math.floor(Math.random() * from)))
  return list.filter((_one, index) => index >= from || earlier.has(index))
}

/** Where each list stood before the round that was cut off. */
type Marks = Readonly<Record<'jwts' | 'opaque' | 'revoked' | 'dead', number>>
const marksOf = ({ jwts, opaque, revoked, dead }: Known): Marks => ({
  jwts: jwts.length,
  opaque: opaque.length,
  revoked: revoked.length,
  dead: dead.length,
})

const check = async (origin: string, known: Known, marks: Marks, most: number, tally: Tally): Promise<void> => {
  const keys = await jwks(origin)
  known.kids ||= JSON.stringify(keys)
  assert.equal(JSON.stringify(keys), known.kids, 'the keys are the same as ever')
  const verify = createLocalJWKSet(keys)

  const chains = await Promise.all(known.chains.map((chain) => checkChain(origin, chain, tally)))
  known.chains = chains.filter((chain) => chain !== undefined)

  for (const token of sample(known.jwts, marks.jwts, most)) {
    await jwtVerify(token, verify, { issuer: ISSUER, audience: AUDIENCE })
    assert.equal((await callApi(origin, token)).status, 200, 'a JWT that was issued opens the API')
  }
  for (const token of sample(known.opaque, marks.opaque, most)) {
    assert.ok(await isActive(origin, token), 'an opaque token that was issued is active')
    assert.equal((await callApi(origin, token)).status, 200, 'an opaque token that was issued opens the API')
  }
  for (const token of sample(known.revoked, marks.revoked, most)) {
    assert.equal(await isActive(origin, token), false, 'a revoked token is not active')
    assert.equal((await callApi(origin, token)).status, 401, 'a revoked token does not open the API')
  }
  for (const tokens of sample(known.dead, marks.dead, most)) {
    assert.equal((await refresh(origin, tokens.refresh)).json['error'], 'invalid_grant', 'a dead family is not renewed')
    assert.equal(await isActive(origin, tokens.access), false, 'an access token of a dead family is not active')
    assert.equal((await callApi(origin, tokens.access)).status, 401, 'an access token of a dead family does not open the API')
  }
}

/** No rotation by half: every family that lives has exactly one token that was not used yet. */
const checkFamilies = (file: string): void => {
  const db = new DatabaseSync(file, { readOnly: true })
  const broken = db
    .prepare(`SELECT f.id FROM refresh_families f LEFT JOIN refresh_tokens t ON t.realm_id = f.realm_id AND t.family_id = f.id AND t.used_at IS NULL
      WHERE f.revoked_at IS NULL GROUP BY f.id HAVING COUNT(t.hash) <> 1`)
    .all()
  const integrity = db.prepare('PRAGMA integrity_check').get()
  db.close()
  assert.deepEqual(broken, [])
  assert.deepEqual(Object.values(integrity ?? {}), ['ok'])
}

test('what was acknowledged before a SIGKILL holds after the restart', {
  timeout: 60_000 + (Number.isFinite(ROUNDS) ? ROUNDS * 10_000 : 0),
}, async (context) => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const args = ['--config', await writeShop(folder, await startUpstream()), '--data', data]
  const known: Known = { chains: [], jwts: [], opaque: [], revoked: [], dead: [], kids: '' }
  const tally: Tally = { refreshes: 0, undone: 0, done: 0 }
  const started = Date.now()
  let marks = marksOf(known)
  let rounds = 0
  while (rounds < ROUNDS && (Number.isFinite(ROUNDS) || Date.now() - started < ENOUGH_MS)) {
    const server = await serve(args)
    await check(server.origin, known, marks, LOOKED_AT_AGAIN, tally)
    checkFamilies(join(data, 'countersign.db'))
    while (known.chains.length < CHAINS) known.chains.push({ tokens: tokensOf(await signIn(server.origin)), open: false })
    marks = marksOf(known)
    await workUntilKilled(server, known, tally)
    rounds += 1
  }
  const server = await serve(args)
  await check(server.origin, known, marksOf(known), LOOKED_AT_LAST, tally)
  checkFamilies(join(data, 'countersign.db'))
  assert.equal((await server.end('SIGTERM')).code, 0)
  const { jwts, opaque, revoked, dead } = known
  context.diagnostic(
    `${rounds} rounds: ${tally.refreshes} refreshes (cut off: ${tally.undone} not stored, ${tally.done} stored), ${jwts.length} JWTs, ` +
      `${opaque.length} opaque tokens, ${revoked.length} revocations, ${dead.length} dead families; none lost`,
  )
  assert.ok(rounds >= 2 && tally.refreshes > 0 && opaque.length > 0 && revoked.length > 0)
})

/** About as long as a start takes, in milliseconds. */
const LONGEST_START = 900
const STARTS = 4

test('a start that is cut off by a SIGKILL at any moment leaves a folder on which the next one succeeds', BOUNDED, async () => {
  const upstream = await startUpstream()
  for (let round = 0; round < 2; round += 1) {
    const folder = temporaryFolder()
    const args = ['--config', await writeShop(folder, upstream), '--data', join(folder, 'data')]
    for (let n = 0; n < STARTS; n += 1) {
      const cutOff = run(['serve', '--port', '0', '--management-port', '0', ...args])
      await Promise.race([pause(Math.random() * LONGEST_START), cutOff.ended])
      const { signal, stderr } = await cutOff.end('SIGKILL')
      assert.equal(signal, 'SIGKILL', stderr)
    }
    const first = await serve(args)
    const keys = await jwks(first.origin)
    assert.equal(keys.keys.length, 1)
    const { access } = tokensOf(await clientCredentials(first.origin, DESK))
    const opaque = tokensOf(await clientCredentials(first.origin, TILL)).access
    await first.end('SIGKILL')
    const second = await serve(args)
    assert.deepEqual(await jwks(second.origin), keys)
    for (const token of [access, opaque]) assert.equal((await callApi(second.origin, token)).status, 200)
    await second.end('SIGKILL')
  }
})
