// A process of sqlite_processes.test.ts: waits for the starting gun on stdin, opens the file, races for keys and tokens, prints who won.
import { once } from 'node:events'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { rotate } from './recording.ts'
import { ACT, NOW, realm, refreshToken, signingKey } from './samples.ts'

const [file = '', name = '', realms = '', tokens = ''] = process.argv.slice(2)
console.log('waiting')
await once(process.stdin, 'data')
process.stdin.destroy()

const store = await openSqliteStore({ file })
const keys: boolean[] = []
for (let n = 0; n < Number(realms); n += 1) {
  await store.realms.put(realm(`r${n}`), ACT)
  keys.push(await store.signingKeys.insertFirst(signingKey(`r${n}`, `key-of-${name}`), ACT))
}
const rotations: string[] = []
for (let n = 0; n < Number(tokens); n += 1) {
  rotations.push(await rotate(store, 'a', `t${n}`, refreshToken(`f${n}`, `t${n}-${name}`), NOW, NOW + 300))
}
await store.close()
console.log(JSON.stringify({ keys, rotations }))
