// curl as people paste it, and the probing of Go's oauth2 package: Basic first, and the same request with the secret in the body if that fails.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { Market } from './market.ts'
import { ADA, PATHS, SHOP, startMarket } from './market.ts'

const skip = spawnSync('curl', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'curl is not there'

let market: Market
let demo: TestServer
before(async () => {
  ;[market, demo] = await Promise.all([startMarket(), startDemo()])
})
after(async () => {
  await Promise.all([market.close(), demo.close()])
  assert.deepEqual([...market.reports, ...demo.reports], [])
})

/** What curl prints, its status line by `-w` after the body. */
async function curl(...args: readonly string[]): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
  const { stdout } = await promisify(execFile)('curl', ['-sS', '--noproxy', '*', '-w', '\n%{http_code}', ...args])
  const cut = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(cut + 1)), json: JSON.parse(stdout.slice(0, cut)) as Record<string, unknown> }
}

test('curl -u gets a token at a standard realm, and 401 for a wrong secret', { skip }, async () => {
  const url = market.origin + PATHS.token
  const { status, json } = await curl('-u', `${SHOP.clientId}:${SHOP.secret}`, '-d', 'grant_type=client_credentials', url)
  assert.deepEqual([status, json['token_type'], json['expires_in']], [200, 'Bearer', 600])
  const refused = await curl('-u', `${SHOP.clientId}:wrong`, '-d', 'grant_type=client_credentials', url)
  assert.deepEqual([refused.status, refused.json['error']], [401, 'invalid_client'])
})

for (const realm of ['willba', 'partner', 'wave'] as const) {
  test(`curl -u gets the token of the demo realm ${realm}, whose page posts the secret`, { skip }, async () => {
    const { client_id: id, client_secret: secret, ...parameters } = TOKEN_REQUESTS[realm]
    const data = Object.entries(parameters).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`])
    const { status, json } = await curl('-u', `${id}:${secret}`, ...data, demo.origin + TOKEN_PATHS[realm])
    assert.deepEqual([status, json['token_type']], [200, 'Bearer'])
  })
}

test('curl --data-urlencode sends a password with every special character', { skip }, async () => {
  const data = Object.entries({ grant_type: 'password', client_id: 'till', ...ADA }).flatMap(([name, value]) => [
    '--data-urlencode',
    `${name}=${value}`,
  ])
  const { status, json } = await curl(...data, market.origin + PATHS.token)
  assert.deepEqual([status, typeof json['refresh_token']], [200, 'string'])
})

test('curl --oauth2-bearer opens the guarded API', { skip }, async () => {
  const data = Object.entries(TOKEN_REQUESTS.willba).flatMap(([name, value]) => ['-d', `${name}=${value}`])
  const { json } = await curl(...data, demo.origin + TOKEN_PATHS.willba)
  const opened = await curl('--oauth2-bearer', String(json['access_token']), `${demo.origin}/apis/willba/orders`)
  assert.deepEqual([opened.status, opened.json['path']], [200, '/orders'])
})

/** As Go does where it does not know the server: both halves form-encoded in Basic, then once more in the body whatever the refusal was. */
async function probe(url: string, id: string, secret: string, parameters: Record<string, string>): Promise<readonly Answer[]> {
  const first = await postForm(url, parameters, basic(id, secret))
  if (first.status === 200) return [first]
  return [first, await postForm(url, { ...parameters, client_id: id, client_secret: secret })]
}

test('a probing client succeeds at its first try at every confidential realm', async () => {
  const shop = await probe(market.origin + PATHS.token, SHOP.clientId, SHOP.secret, { grant_type: 'client_credentials' })
  assert.deepEqual(
    shop.map((answer) => answer.status),
    [200],
  )
  for (const realm of ['willba', 'partner', 'wave'] as const) {
    const { client_id: id = '', client_secret: secret = '', ...parameters } = TOKEN_REQUESTS[realm]
    const answers = await probe(demo.origin + TOKEN_PATHS[realm], id, secret, parameters)
    assert.deepEqual([realm, ...answers.map((answer) => answer.status)], [realm, 200])
  }
})

test('a probing client with a wrong secret is refused twice, later told to wait, and with the right one is served after any number of failures', async () => {
  const url = market.origin + PATHS.token
  for (let round = 0; round < 20; round++) {
    const answers = await probe(url, SHOP.clientId, `wrong-${round}`, { grant_type: 'client_credentials' })
    for (const [index, answer] of answers.entries()) {
      const refused = [answer.status, answer.json['error'], answer.headers.get('www-authenticate')?.split(' ')[0]]
      const first = [401, 'invalid_client', index === 0 ? 'Basic' : undefined]
      // Twenty failures are at hand for each client at each address.
      const later = refused[0] === 429 ? [429, 'slow_down', undefined] : first
      assert.deepEqual(refused, round === 0 ? first : later)
    }
  }
  const [answer] = await probe(url, SHOP.clientId, SHOP.secret, { grant_type: 'client_credentials' })
  assert.equal(answer?.status, 200)
})

test('a probing client whose first try came with both methods at once is told so, and is served with one', async () => {
  const url = demo.origin + TOKEN_PATHS.willba
  const { client_id: id = '', client_secret: secret = '', ...parameters } = TOKEN_REQUESTS.willba
  const both = await postForm(url, { ...parameters, client_id: id, client_secret: secret }, basic(id, secret))
  assert.deepEqual([both.status, both.json['error']], [400, 'invalid_request'])
  assert.deepEqual(
    (await probe(url, id, secret, parameters)).map((answer) => answer.status),
    [200],
  )
})
