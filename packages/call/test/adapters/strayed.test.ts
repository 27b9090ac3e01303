// A stranger that an API redirects to cannot send the caller back with credentials, to an address of the stranger's choice. Undici follows
// its redirects outside of any interceptor, which cannot tell where a request comes from: there it is the caller's to follow none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@countersign/call'
import { startApi, startProvider } from '../fake_provider.ts'
import { LIBRARIES } from './libraries.ts'

for (const [name, use] of LIBRARIES.filter(([one]) => !one.startsWith('undici'))) {
  test(`${name}: who was led to another origin and back shows nothing there, however often he is led on`, async (t) => {
    const [provider, api, other] = [await startProvider(t), await startApi(t), await startApi(t)]
    const settings = { tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret', apiOrigins: [api.origin] }
    const to = (location: string) => ({ status: 307, headers: { location } })
    const ways = new Map([
      ['/', to(`${other.origin}/there`)],
      ['/there', to(`${api.origin}/back`)],
      ['/back', to('/chosen')],
    ])
    api.answer = ({ path }) => ways.get(path) ?? { status: 200 }
    other.answer = api.answer
    const { status } = await use(createClient(settings))(`${api.origin}/`, { follow: true })
    assert.equal(status, 200)
    assert.deepEqual(
      [...api.seen, ...other.seen].map(({ path, headers }) => [path, headers.authorization]),
      [
        ['/', 'Bearer token-1'],
        ['/back', undefined],
        ['/chosen', undefined],
        ['/there', undefined],
      ],
    )
  })
}
