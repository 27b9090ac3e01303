// The banner: it fits the window, says what is kept, and each of its demo's lines works when it is pasted.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { banner } from '../../src/cli/banner.ts'
import { DEMO_LINES } from '../../src/cli/demo_lines.ts'
import { loadConfiguration } from '../../src/config/config.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'

const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)
const FACTS = { version: '1.2.3', managementUrl: 'http://127.0.0.1:8081', colour: false }

let demo: TestServer
before(async () => {
  demo = await startDemo()
})
after(() => demo.close())

const paste = async (command: string): Promise<Record<string, unknown>> => {
  const { stdout } = await run('sh', ['-c', `${command} --silent --show-error --fail-with-body`])
  return JSON.parse(stdout) as Record<string, unknown>
}

for (const { realm, token, api } of DEMO_LINES) {
  test(`the lines of ${realm}, pasted, give a token and open the guarded API`, {
    skip: hasCurl ? false : 'curl is not installed',
  }, async () => {
    const answer = await paste(token(demo.origin).join('\n'))
    assert.equal(typeof answer['access_token'], 'string')
    const seen = await paste(api(demo.origin).join('\n').replace('TOKEN', String(answer['access_token'])))
    assert.equal(seen['method'], 'GET')
  })
}

test("the demo's banner has every realm and no line longer than 100 characters", async () => {
  const { configuration } = await loadConfiguration({ demo: { upstream: 'http://127.0.0.1:9' } })
  const text = banner({ ...FACTS, demo: true, configuration })
  assert.deepEqual(
    text.split('\n').filter((line) => line.length > 100),
    [],
  )
  assert.match(text, /^Countersign 1\.2\.3, the demo$/m)
  assert.match(text, /state +in memory/)
  for (const { realm } of configuration.realms) assert.match(text, new RegExp(`^${realm.id} {3}`, 'm'))
  assert.deepEqual(
    DEMO_LINES.map((one) => one.realm),
    configuration.realms.map((one) => one.realm.id),
  )
})

test('the banner of a configuration names token endpoints and guarded APIs, but not all of very many realms, and no secret', async () => {
  const secret = { hash: secretHash('a secret of this test, and long enough') }
  const realms = Array.from({ length: 20 }, (_, n) => ({ id: `r${n}`, audiences: ['a'], clients: [{ clientId: 'c', secret }] }))
  const apis = [{ id: 'orders', realm: 'r0', upstream: 'http://127.0.0.1:9' }]
  const { configuration } = await loadConfiguration({ input: { realms, apis }, flags: { data: '/var/lib/x' } })
  const text = banner({ ...FACTS, demo: false, configuration })
  assert.match(text, /^ {2}token +http:\/\/127\.0\.0\.1:8080\/realms\/r0\/oauth2\/token$/m)
  assert.match(text, /^ {2}guarded API +http:\/\/127\.0\.0\.1:8080\/apis\/orders\/\.\.\.$/m)
  assert.match(text, /state +\/var\/lib\/x$/m)
  assert.match(text, /^and 8 more realms$/m)
  assert.ok(!text.includes('sha256:'))
})

test('colour is written only when it is wanted', async () => {
  const { configuration } = await loadConfiguration({ demo: { upstream: 'http://127.0.0.1:9' } })
  const [plain, coloured] = [false, true].map((colour) => banner({ ...FACTS, demo: true, configuration, colour }))
  assert.ok(!plain?.includes('\u001b'))
  assert.ok(coloured?.includes('\u001b[1m'))
})
