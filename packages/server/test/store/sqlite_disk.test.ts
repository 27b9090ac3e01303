// The SQLite adapter on a disk that is really full, and on one that is read-only: a small tmpfs, where this user may mount one.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { insertOpaque } from './recording.ts'
import { ACT, NOW, opaqueToken, realm } from './samples.ts'

/** Mounts a megabyte; undefined where that is not allowed. */
const smallDisk = (): { folder: string; remount(how: string): void; remove(): void } | undefined => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  return {
    folder,
    remount: (how) => void execFileSync('/bin/mount', ['-o', `remount,${how}`, folder], { stdio: 'pipe' }),
    remove: () => {
      execFileSync('/bin/umount', [folder], { stdio: 'pipe' })
      rmSync(folder, { recursive: true })
    },
  }
}

const fillUp = (folder: string, leave: number): void => {
  const { bavail, bsize } = statfsSync(folder)
  writeFileSync(join(folder, 'ballast'), Buffer.alloc(Math.max(0, bavail * bsize - leave), 1))
}

const isUnavailable = (reason: RegExp) => (error: unknown) => error instanceof StoreUnavailable && reason.test(error.message)

test('on a full disk writes are refused and reads answered; with space again writes succeed', async (context) => {
  const disk = smallDisk()
  if (disk === undefined) return context.skip('only root on Linux can mount a small disk')
  try {
    const store = await openSqliteStore({ file: join(disk.folder, 'store.db') })
    await store.realms.put(realm('a'), ACT)
    fillUp(disk.folder, 100_000)
    const claims = { jti: 'j', exp: NOW, client_id: 'app', filler: 'x'.repeat(3000) }
    const insert = (n: number) => insertOpaque(store, opaqueToken('a', `t${n}`, { claims }))
    let stored = 0
    await assert.rejects(
      async () => {
        for (; stored < 500; stored += 1) await insert(stored)
      },
      isUnavailable(/no space left for .*store\.db/),
    )
    const together = await Promise.allSettled([insert(1000), insert(1001), insert(1002)])
    for (const result of together) assert.ok(result.status === 'rejected' && isUnavailable(/no space/)(result.reason))
    await assert.rejects(store.ready(), isUnavailable(/no space/))
    for (let n = 0; n < stored; n += 1) assert.ok(await store.accessTokens.findOpaque('a', `t${n}`))
    assert.equal(await store.accessTokens.findOpaque('a', `t${stored}`), undefined)
    rmSync(join(disk.folder, 'ballast'))
    await store.ready()
    await insert(stored)
    await store.close()
    const again = await openSqliteStore({ file: join(disk.folder, 'store.db') })
    for (let n = 0; n <= stored; n += 1) assert.ok(await again.accessTokens.findOpaque('a', `t${n}`))
    await again.close()
  } finally {
    disk.remove()
  }
})

test('a full disk and a read-only disk are refused at opening with one sentence', async (context) => {
  const disk = smallDisk()
  if (disk === undefined) return context.skip('only root on Linux can mount a small disk')
  try {
    fillUp(disk.folder, 0)
    await assert.rejects(openSqliteStore({ file: join(disk.folder, 'full.db') }), isUnavailable(/no space left for .*full\.db: /))
    rmSync(join(disk.folder, 'ballast'))
    await (await openSqliteStore({ file: join(disk.folder, 'store.db') })).close()
    disk.remount('ro')
    await assert.rejects(openSqliteStore({ file: join(disk.folder, 'store.db') }), isUnavailable(/store\.db cannot be written: /))
    await assert.rejects(
      openSqliteStore({ file: join(disk.folder, 'new', 'store.db') }),
      isUnavailable(/store\.db cannot be (written|opened): /),
    )
  } finally {
    disk.remove()
  }
})
