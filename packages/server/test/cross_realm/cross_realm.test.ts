// No realm takes anything of another: every realm's every credential at every endpoint of every realm. A row must be taken at home, so that a
// refusal elsewhere is not one of a request that nobody would take.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import type { AlikeServer, Realm } from './alike.ts'
import { elsewhere, startAlike } from './alike.ts'
import { ATTEMPTS } from './attempts.ts'
import { ALIKE, secretIn } from './realms_alike.ts'

let server: AlikeServer
before(async () => {
  server = await startAlike()
})
after(async () => {
  await server?.close()
  assert.deepEqual(server.reports, [])
})

/** Not: the answer of one that is told to wait, or that could not be judged. */
const REFUSALS = new Set([400, 401, 403, 404])

for (const id of ALIKE) {
  test(`${id} refuses whatever is of another realm, at ${ATTEMPTS.length} places each`, async () => {
    const at = server.realms.find((realm) => realm.id === id)
    assert.ok(at)
    for (const theirs of server.realms.filter((realm) => realm !== at)) {
      for (const { what, show, taken = isOk } of ATTEMPTS) {
        const answer = await show(theirs, at)
        assert.equal(taken(answer), false, `${theirs.id}'s ${what} of ${id} is taken: ${answer.text}`)
        // Introspection says it of the token with 200.
        if (taken === isOk) assert.ok(REFUSALS.has(answer.status), `${theirs.id}'s ${what} of ${id}: ${answer.status} ${answer.text}`)
      }
    }
  })
}

test('no realm revokes what is of another', async () => {
  for (const at of server.realms) {
    for (const theirs of server.realms.filter((realm) => realm !== at))
      for (const status of await revokeAll(theirs, at)) assert.equal(status, 200)
  }
})

test('after all that, each realm takes all that is its own', async () => {
  for (const realm of server.realms) {
    for (const { what, show, taken = isOk } of ATTEMPTS) {
      const answer = await show(realm, realm)
      assert.equal(taken(answer), true, `${realm.id} refuses its own ${what}: ${answer.status} ${answer.text}`)
    }
  }
})

test('each realm revokes what is its own', async () => {
  const [at] = server.realms
  assert.ok(at)
  await revokeAll(at, at)
  for (const { what, show, taken = isOk } of ATTEMPTS.filter((one) => /^(?:person|opaque) token/.test(one.what))) {
    assert.equal(taken(await show(at, at)), false, `${what} after its revocation`)
  }
})

const isOk = ({ status }: { readonly status: number }): boolean => status === 200

/** By the clients of `at` that have the names of those it was issued to. */
async function revokeAll(theirs: Realm, at: Realm): Promise<number[]> {
  const revoke = async (token: string, parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<number> =>
    (await postForm(at.places.revoke, { token, ...parameters }, { ...headers, ...elsewhere() })).status
  const statuses = [
    await revoke(theirs.service.access, {}, basic('desk', secretIn(at.id, 'desk'))),
    await revoke(theirs.exchanged.access, {}, basic('broker', secretIn(at.id, 'broker'))),
  ]
  for (const token of [theirs.person.access, theirs.person.refresh]) statuses.push(await revoke(token, { client_id: 'phone' }))
  for (const token of [theirs.opaque.access, theirs.opaque.refresh]) {
    statuses.push(await revoke(token, {}, basic('till', secretIn(at.id, 'till'))))
  }
  return statuses
}
