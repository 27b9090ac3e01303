// Mistakes in plans for requests, API keys, proxies and the gateway's settings.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeApiKey } from '@countersign/protocol/oauth/credential'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Part } from './mistake.ts'
import { client, linesOf, one, realm, refuseEach, withClient } from './mistake.ts'

const KEY = { hash: secretHash('a key of this test, and long enough') }
const OURS = makeApiKey('abcdefghijkl', new Uint8Array(32).fill(7))
const requests = (changes: Part): Part => one({ plan: { requests: changes } })
const withKey = (changes: Part): Part => withClient({ apiKeys: [{ key: KEY, ...changes }] })
const withApi = (changes: Part): Part => ({
  realms: [realm()],
  apis: [{ id: 'orders', realm: 'shop', upstream: 'http://127.0.0.1:9000', ...changes }],
})
const listening = (trustedProxies: unknown): Part => ({ ...one({}), listen: { trustedProxies } })

const PLAN = 'realms[0].plan.requests'
const FIRST_KEY = 'realms[0].clients[0].apiKeys[0]'

refuseEach([
  // Plans.
  ['a word a plan does not know', requests({ perHour: 5 }), `${PLAN}.perHour is not known here, where there may be rates, perDay,`],
  ['six rates', requests({ rates: Array.from({ length: 6 }, (_, n) => ({ limit: 1, per: n + 1 })) }), `${PLAN}.rates must have at most 5`],
  ['two rates of a minute', requests({ rates: [{ limit: 1 }, { limit: 2, per: '1m' }] }), `${PLAN}.rates[1].per is that of rates[0] too`],
  ['a rate of nothing', requests({ rates: [{ limit: 0 }] }), `${PLAN}.rates[0].limit must be a whole number from 1`],
  ['a rate that is one and no list', requests({ rates: { limit: 5 } }), `${PLAN}.rates must be a list.`],
  ['a volume in halves', requests({ perDay: 0.5 }), `${PLAN}.perDay must be a whole number from 0 to 1000000000000.`],
  ['a volume below nothing', requests({ perMonth: -1 }), `${PLAN}.perMonth must be a whole number from 0`],
  ['a volume as text', requests({ perMonth: '1000' }), `${PLAN}.perMonth must be a number or an object.`],
  ['a volume without its limit', requests({ perMonth: {} }), `${PLAN}.perMonth.limit is missing.`],
  ['a volume of another window', requests({ perDay: { limit: 1, per: 'month' } }), `${PLAN}.perDay.per is not known here`],
  ['a day of nowhere', requests({ perDay: { limit: 1, timeZone: 'Lisbon' } }), `${PLAN}.perDay.timeZone must be the IANA name`],
  ['nobody at once', requests({ concurrency: 0 }), `${PLAN}.concurrency must be a whole number from 1 to 1000000.`],
  ['a mode unknown', requests({ mode: 'soft' }), `${PLAN}.mode must be one of enforce, warn.`],
  ['a plan half closed', requests({ withoutLedger: 'maybe' }), `${PLAN}.withoutLedger must be one of deny, allow.`],
  // API keys.
  ['a key from no address', withKey({ addresses: [] }), `${FIRST_KEY}.addresses must have an entry; leave it out for every address.`],
  ['a key from a host', withKey({ addresses: ['example.com'] }), `${FIRST_KEY}.addresses[0] must be an IP address or a block like`],
  ['a key from an address twice as long', withKey({ addresses: ['1.2.3.4.5'] }), `${FIRST_KEY}.addresses[0] must be an IP address`],
  ['a key from a block of 33 bits', withKey({ addresses: ['10.0.0.0/33'] }), `${FIRST_KEY}.addresses[0] must have a number from 0 to 32`],
  [
    'a key from a block of 129 bits',
    withKey({ addresses: ['::1', '2001:db8::/129'] }),
    `${FIRST_KEY}.addresses[1] must have a number from 0 to 128`,
  ],
  ['a key from a block of 08 bits', withKey({ addresses: ['10.0.0.0/08'] }), `${FIRST_KEY}.addresses[0] must have a number from 0 to 32`],
  ['a key from an interface', withKey({ addresses: ['fe80::1%eth0'] }), `${FIRST_KEY}.addresses[0] must be an IP address`],
  ['a key from IPv4 written as IPv6', withKey({ addresses: ['::ffff:10.0.0.1'] }), `${FIRST_KEY}.addresses[0] must be an IP address`],
  ['a key from 101 addresses', withKey({ addresses: Array(101).fill('::1') }), `${FIRST_KEY}.addresses must have at most 100 entries.`],
  ['a key with a name of two lines', withKey({ id: 'a\nb' }), `${FIRST_KEY}.id must be a name of letters, digits, - and _`],
  [
    'a key of ours that lost its end',
    withClient({ apiKeys: [{ key: { env: 'KEY' } }] }),
    `${FIRST_KEY}.key is mistyped or cut short`,
    { KEY: OURS.slice(0, -1) },
  ],
  // Proxies and the gateway.
  ['a proxy by name', listening(['proxy']), 'listen.trustedProxies[0] must be an IP address or a block like'],
  ['a proxy alone', listening('10.0.0.1'), 'listen.trustedProxies must be a list.'],
  [
    'a route that gives',
    withApi({ routes: [{ path: '/a', cost: -1 }] }),
    'apis[0].routes[0].cost must be a whole number from 0 to 1000000.',
  ],
  ['bodies of nothing', withApi({ maxBodyBytes: 0 }), 'apis[0].maxBodyBytes must be whole bytes or a text like'],
  ['bodies of ten', withApi({ maxBodyBytes: '10m' }), 'apis[0].maxBodyBytes must be whole bytes or a text like'],
  ['bodies of two disks', withApi({ maxBodyBytes: '2tb' }), 'apis[0].maxBodyBytes must be whole bytes or a text like'],
  ['a timeout of a week', withApi({ timeout: '7d' }), 'apis[0].timeout must be whole seconds or a text like'],
  ['six retries', withApi({ retries: 6 }), 'apis[0].retries must be a whole number from 0 to 5.'],
  ['a health of elsewhere', withApi({ healthPath: 'http://a.example/' }), 'apis[0].healthPath must be a path like /health.'],
  ['an assertion for somebody', withApi({ assertion: 'yes' }), 'apis[0].assertion must be true or false.'],
  [
    'a key that no header brings',
    {
      realms: [{ id: 'shop', dialects: ['webcommander'], audiences: ['orders'], clients: [client()] }],
      apis: [{ id: 'orders', realm: 'shop', upstream: 'http://127.0.0.1:9000', apiKey: 'optional' }],
    },
    "apis[0].apiKey needs a dialect with a header for API keys, which 'webcommander' has not",
  ],
  ['forward-auth by a word', withApi({ forwardAuth: 'nginx' }), 'apis[0].forwardAuth must be true or false or an object.'],
  [
    'forward-auth by its secret',
    withApi({ forwardAuth: { secret: 's3cret' } }),
    'apis[0].forwardAuth.secret must not be the secret itself',
  ],
  ['forward-auth by nothing there', withApi({ forwardAuth: { secret: { env: 'X' } } }), 'apis[0].forwardAuth.secret.env names the environ'],
])

test('the configurations that these mistakes are made in have none themselves', async () => {
  const good = [requests({ rates: [{ limit: 1 }, { limit: 2, per: '1h' }], perDay: 0, perMonth: { limit: 1 } }), listening(['10.0.0.0/8'])]
  const keys = [withKey({ id: 'A-b_C', addresses: ['10.0.0.1', '::/0', '0.0.0.0/0'] })]
  for (const input of [...good, ...keys, withApi({ forwardAuth: { secret: KEY }, healthPath: '/' })])
    assert.deepEqual(await linesOf(input), [])
  assert.deepEqual(await linesOf(withClient({ apiKeys: [{ key: { env: 'KEY' } }] }), { KEY: OURS }), [])
})
