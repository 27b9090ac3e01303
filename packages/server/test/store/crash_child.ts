// A process of sqlite_processes.test.ts, made to be killed: writes as fast as it can in several lanes, prints each acknowledged item.
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { acknowledge } from './acknowledge.ts'
import { insertOpaque, rotate, start } from './recording.ts'
import { ACT, auditEntry, client, family, NOW, opaqueToken, realm, refreshToken } from './samples.ts'

const [file = '', round = ''] = process.argv.slice(2)
const store = await openSqliteStore({ file })
await store.realms.put(realm('a'), ACT)
const acknowledged = (...words: string[]): void => acknowledge(words.join(' '))

const lane = async (name: string): Promise<never> => {
  const id = `${round}-${name}`
  await start(store, family('a', id), refreshToken(id, `${id}-0`))
  acknowledged('token', `${id}-0`)
  for (let n = 1; ; n += 1) {
    await rotate(store, 'a', `${id}-${n - 1}`, refreshToken(id, `${id}-${n}`), NOW, NOW + 300)
    acknowledged('rotated', `${id}-${n - 1}`, `${id}-${n}`)
    await store.accessTokens.revoke({ realmId: 'a', kind: 'jti', value: `${id}-${n}`, expiresAt: NOW }, auditEntry('a'))
    acknowledged('revoked', `${id}-${n}`)
    await insertOpaque(store, opaqueToken('a', `${id}-${n}`))
    acknowledged('opaque', `${id}-${n}`)
    if (n % 10 === 0) {
      await store.clients.put(client('a', `${id}-${n}`), ACT)
      acknowledged('client', `${id}-${n}`)
    }
  }
}

await Promise.all(['x', 'y', 'z'].map(lane))
