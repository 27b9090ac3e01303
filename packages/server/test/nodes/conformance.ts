// What every adapter of the Nodes port holds.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lease, NodeSeen, Nodes } from '../../src/model/nodes.ts'
import type { Store } from '../../src/model/store.ts'
import { ACT, NOW, realm } from '../store/samples.ts'

const NOBODY: Lease = { holder: '', beat: 0 }

/** @param open several connections to one new and empty database */
export const runNodesConformance = (name: string, open: (count: number) => Promise<readonly Store[]>): void => {
  const over = (count: number, act: (all: readonly Nodes[], stores: readonly Store[]) => Promise<void>) => async (): Promise<void> => {
    const stores = await open(count)
    try {
      await act(
        stores.map((store) => store.nodes),
        stores,
      )
    } finally {
      for (const store of stores) await store.close()
    }
  }

  describe(`nodes over ${name}`, () => {
    test(
      'of eight nodes that claim the free lease at once one gets it, and of those that take it over one',
      over(8, async (all) => {
        const names = all.map((_, index) => `node-${index}`)
        const claim = async (seen: Lease): Promise<string[]> => {
          const held = await Promise.all(all.map((nodes, index) => nodes.beat(names[index] ?? '', NOW, seen)))
          return names.filter((_, index) => held[index])
        }
        const first = await claim(NOBODY)
        assert.equal(first.length, 1)
        const { lease } = await sight(all[0])
        assert.deepEqual(lease, { holder: first[0], beat: 1 })
        const others = all.filter((_, index) => names[index] !== first[0])
        const taken = await Promise.all(others.map((nodes, index) => nodes.beat(`other-${index}`, NOW, lease)))
        assert.equal(taken.filter(Boolean).length, 1)
        assert.equal(await all[0]?.beat(first[0] ?? '', NOW, lease), false, 'the former holder has lost it')
      }),
    )

    test(
      'a holder renews, nobody takes over what was renewed since he looked, and a goodbye frees the lease',
      over(2, async ([one, other]) => {
        assert.ok(one && other)
        assert.equal(await one.beat('one', NOW, NOBODY), true)
        const seen = (await other.look()).lease
        assert.equal(await one.beat('one', NOW, seen), true)
        assert.equal(await other.beat('other', NOW, seen), false)
        await one.leave('one')
        const { lease, nodes } = await other.look()
        assert.equal(lease.holder, '')
        assert.deepEqual(
          nodes.map(({ id }) => id),
          ['other'],
        )
        assert.equal(await other.beat('other', NOW, lease), true)
      }),
    )

    test(
      'signs of life are counted, and a silent node is forgotten only if it gave none since',
      over(2, async ([one, other]) => {
        assert.ok(one && other)
        await one.beat('one', NOW, undefined)
        const before = (await other.look()).nodes
        assert.deepEqual(before, [{ id: 'one', beat: 1 }])
        await one.beat('one', NOW, undefined)
        assert.equal(await other.forget(before), 0)
        assert.equal(await other.forget((await other.look()).nodes), 1)
        assert.deepEqual((await one.look()).nodes, [])
      }),
    )

    test(
      'of nodes that enter and name one realm differently at the same moment one does, and who entered first objects to who comes later',
      over(8, async (all, stores) => {
        for (let round = 0; round < 10; round += 1) {
          const id = `realm-${round}`
          const named = await Promise.all(
            all.map(async (nodes, index) => {
              const self = `${round}.${index}`
              await nodes.enter(self, NOW)
              return stores[index]?.realms.claim(realm(id, { issuer: `https://${self}` }), ACT, { self, silent: [] })
            }),
          )
          const winner = named.indexOf(true)
          assert.deepEqual(
            named,
            all.map((_, index) => index === winner),
          )
          assert.equal((await stores[0]?.realms.find(id))?.issuer, `https://${round}.${winner}`)
        }
      }),
    )

    test(
      'a realm is renamed past nodes that are silent, and past no other',
      over(2, async ([one, other], [store, there]) => {
        assert.ok(one && other && store && there)
        const claim = async (issuer: string, silent: readonly NodeSeen[]) =>
          await there.realms.claim(realm('a', { issuer }), ACT, { self: 'other', silent })
        await one.enter('one', NOW)
        await other.enter('other', NOW)
        assert.equal(await claim('https://a', []), true, 'nobody had named it')
        const { revision } = await one.look()
        assert.equal(await claim('https://a', []), true, 'the same name is no dispute')
        const seen = (await other.look()).nodes
        assert.equal(await claim('https://b', []), false)
        await one.beat('one', NOW, undefined)
        assert.equal(await claim('https://b', seen), false, 'it has given a sign since')
        assert.equal((await store.realms.find('a'))?.issuer, 'https://a')
        assert.equal((await store.audit.read({ after: 0, limit: 10 })).length, 1)
        assert.ok((await one.look()).revision >= revision)
        assert.equal(await claim('https://b', (await other.look()).nodes), true)
        await one.leave('one')
        assert.equal(await claim('https://c', []), true)
        assert.equal((await store.realms.find('a'))?.issuer, 'https://c')
      }),
    )

    test(
      'a look tells of changes and of revocations by other connections',
      over(2, async ([one, other], [store]) => {
        assert.ok(one && other && store)
        const before = await other.look()
        await store.realms.put(realm('a'), ACT)
        const changed = await other.look()
        assert.ok(changed.revision > before.revision)
        assert.equal(changed.revocation, before.revocation)
        await store.accessTokens.revoke(
          { realmId: 'a', kind: 'jti', value: 'one', expiresAt: NOW + 60 },
          { ...ACT, realmId: 'a', event: 'token.revoked', clientId: '', address: '', detail: {} },
        )
        const { revocation } = await other.look()
        const rows = await store.accessTokens.revocationsAfter(before.revocation, 10)
        assert.deepEqual(
          rows.map(({ sequence }) => sequence),
          [revocation],
        )
      }),
    )
  })
}

const sight = async (nodes: Nodes | undefined): Promise<{ readonly lease: Lease }> => {
  assert.ok(nodes)
  return nodes.look()
}
