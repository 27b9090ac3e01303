// A disk that fails while serving: an honest 503 for what needs a write and for nothing else, and no word that was given is broken.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, test } from 'node:test'
import type { RealmInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { BOUNDED, complaint, run, serve, temporaryFolder } from './program.ts'
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
import { NO_SMALL_DISK, smallDisk } from './small_disk.ts'

/** Its errors have other names. */
const ODD = { clientId: 'odd', secret: 'odd-secret-of-the-process-tests' }
const odd: RealmInput = {
  id: 'odd',
  audiences: ['https://api.odd.example'],
  dialects: [
    {
      extends: 'standard',
      name: 'odd',
      error: {
        members: [
          { name: 'fault', from: 'error' },
          { name: 'why', from: 'error_description' },
        ],
      },
    },
  ],
  clients: [{ clientId: ODD.clientId, secret: { hash: secretHash(ODD.secret) }, tokenFormat: 'opaque' }],
}

let config: string
before(async () => {
  config = await writeShop(temporaryFolder(), await startUpstream(), {
    realms: [odd],
    // With it every token needs a write, and a full disk stops them all.
    audit: { tokens: false },
  })
})

const MOST_TRIES = 200

/** Asks until it is refused: the last blocks of a file may still take a small write. Gives back the answers before, all successes. */
const untilRefused = async (asked: () => Promise<Answer>, names = { error: 'error', why: 'error_description' }): Promise<Answer[]> => {
  const successes: Answer[] = []
  for (let n = 0; n < MOST_TRIES; n += 1) {
    const answer = await asked()
    if (answer.status !== 200) {
      assert.deepEqual([answer.status, answer.json[names.error]], [503, 'temporarily_unavailable'], answer.text)
      assert.match(String(answer.json[names.why]), /^The server cannot reach its storage now\./)
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
      assert.doesNotMatch(answer.text, /countersign\.db|SQLITE|\/tmp/)
      return successes
    }
    successes.push(answer)
  }
  return assert.fail(`the disk is full and ${MOST_TRIES} writes succeeded`)
}

const askOdd = (origin: string): Promise<Answer> =>
  postForm(`${origin}/realms/odd/oauth2/token`, { grant_type: 'client_credentials' }, basic(ODD.clientId, ODD.secret))

/** A request to the API is counted before it is passed on: what cannot be counted is refused. */
const untilUncharged = async (origin: string, token: string): Promise<void> => {
  for (let n = 0; n < MOST_TRIES; n += 1) {
    const { status, headers, json } = await callApi(origin, token)
    if (status === 200) continue
    assert.deepEqual([status, json['code']], [503, 'cannot_charge'])
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    return
  }
  assert.fail('every request was charged')
}

test(
  'on a disk that fills up while serving, what needs a write answers 503, the rest goes on, and all recovers by itself',
  BOUNDED,
  async (context) => {
    const disk = smallDisk(8)
    if (disk === undefined) return context.skip(NO_SMALL_DISK)
    const args = ['--config', config, '--data', join(disk.folder, 'data')]
    const server = await serve(args)
    const { origin, managementOrigin } = server
    const keys = await jwks(origin)
    const opaque = [tokensOf(await clientCredentials(origin, TILL)).access]
    const revoked: string[] = []
    let chain = tokensOf(await signIn(origin))
    const kept = tokensOf(await clientCredentials(origin, DESK)).access
    assert.equal((await send(`${managementOrigin}/health/ready`)).status, 200)

    disk.fill()
    opaque.push(...(await untilRefused(() => clientCredentials(origin, TILL))).map((answer) => tokensOf(answer).access))
    await untilRefused(() => signIn(origin))
    await untilRefused(() => askOdd(origin), { error: 'fault', why: 'why' })
    await untilRefused(async () => {
      const answer = await refresh(origin, chain.refresh)
      if (answer.status === 200) chain = tokensOf(answer)
      return answer
    })
    let refusedToRevoke = ''
    await untilRefused(async () => {
      refusedToRevoke = tokensOf(await clientCredentials(origin, DESK)).access
      const answer = await revoke(origin, DESK, refusedToRevoke)
      if (answer.status === 200) revoked.push(refusedToRevoke)
      return answer
    })

    await untilUncharged(origin, kept)
    for (let n = 0; n < 10; n += 1) assert.ok(await isActive(origin, tokensOf(await clientCredentials(origin, DESK)).access))
    for (const token of [kept, ...opaque, refusedToRevoke]) assert.ok(await isActive(origin, token))
    for (const token of revoked) assert.equal((await callApi(origin, token)).status, 401)
    const ready = await send(`${managementOrigin}/health/ready`)
    assert.deepEqual([ready.status, ready.json['status']], [503, 'unavailable'])
    assert.match(String(ready.json['reason']), /no space left/)
    assert.equal((await send(`${managementOrigin}/health/live`)).status, 200)

    disk.free()
    assert.equal((await send(`${managementOrigin}/health/ready`)).status, 200)
    for (const token of [kept, ...opaque, refusedToRevoke]) assert.equal((await callApi(origin, token)).status, 200)
    opaque.push(tokensOf(await clientCredentials(origin, TILL)).access)
    assert.equal((await askOdd(origin)).status, 200)
    chain = tokensOf(await refresh(origin, chain.refresh))
    assert.equal((await revoke(origin, DESK, refusedToRevoke)).status, 200)
    revoked.push(refusedToRevoke)
    const ending = await server.end('SIGKILL')
    assert.match(complaint(ending), /There is no space left for /)

    const again = await serve(args)
    assert.deepEqual(await jwks(again.origin), keys)
    for (const token of opaque) assert.ok(await isActive(again.origin, token))
    for (const token of revoked) assert.equal((await callApi(again.origin, token)).status, 401)
    assert.equal((await refresh(again.origin, chain.refresh)).status, 200)
    await again.end('SIGTERM')
  },
)

test(
  'while another program holds the database’s lock, what needs no write goes on, what does is refused in the end, and all recovers',
  BOUNDED,
  async () => {
    const data = temporaryFolder()
    const server = await serve(['--config', config, '--data', data])
    const { origin, managementOrigin } = server
    const chain = tokensOf(await signIn(origin))
    const opaque = tokensOf(await clientCredentials(origin, TILL)).access

    const other = new DatabaseSync(join(data, 'countersign.db'))
    other.exec('BEGIN IMMEDIATE')
    const refused = { yet: false }
    const waiting = Promise.all([
      untilRefused(() => clientCredentials(origin, TILL)),
      untilRefused(() => refresh(origin, chain.refresh)),
      untilRefused(() => revoke(origin, TILL, opaque)),
      untilUncharged(origin, opaque),
      send(`${managementOrigin}/health/ready`).then(({ status }) => assert.equal(status, 503)),
      run(['serve', '--config', config, '--port', '0', '--management-port', '0', '--data', data]).ended.then((ending) =>
        assert.ok(ending.code === 2 && /is locked by another program/.test(complaint(ending)), ending.stderr),
      ),
    ]).finally(() => {
      refused.yet = true
    })
    let meanwhile = 0
    for (; !refused.yet; meanwhile += 1) {
      const { access } = tokensOf(await clientCredentials(origin, DESK))
      assert.ok(await isActive(origin, access))
      assert.ok(await isActive(origin, opaque))
    }
    // Had a write blocked the program while it waited, hardly any would have been answered.
    assert.ok(meanwhile > 20, `${meanwhile} rounds were answered meanwhile`)
    const [issued] = await waiting
    assert.equal(issued.length, 0)

    other.exec('ROLLBACK')
    other.close()
    assert.equal((await send(`${managementOrigin}/health/ready`)).status, 200)
    const renewed = tokensOf(await refresh(origin, chain.refresh))
    assert.ok(await isActive(origin, renewed.access))
    assert.equal((await revoke(origin, TILL, opaque)).status, 200)
    assert.equal(await isActive(origin, opaque), false)
    assert.equal((await server.end('SIGTERM')).code, 0)
  },
)
