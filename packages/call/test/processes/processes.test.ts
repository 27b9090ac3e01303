// One token for many processes: real ones, a real token endpoint that counts, and the file cache between them.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { after, before, test } from 'node:test'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { FakeProvider } from '../fake_provider.ts'
import { startProvider, tokens } from '../fake_provider.ts'
import { buildPublishedForm, findNode20 } from './published_form.ts'
import type { Outcome, Worker } from './workers.ts'
import { startWorker } from './workers.ts'

const PROCESSES = 8
const CALLS = 25

let root: string
let remove: () => Promise<void> = () => Promise.resolve()
before(async () => {
  const published = await buildPublishedForm()
  root = published.folder
  remove = published.remove
})
after(() => remove())

const node20 = await findNode20()
const nodes = [
  { name: 'this Node', node: process.execPath, version: process.version, skip: false },
  { name: 'Node 20', node: node20 ?? '', version: 'v20.', skip: node20 === undefined ? 'no Node 20 on the PATH' : false },
] as const

for (const { name, node, version, skip } of nodes) {
  test(`on ${name} 8 processes of 25 calls at once with nothing cached cost exactly one token request`, { skip }, async (t) => {
    const { provider, workers } = await start(t, PROCESSES, node)
    const outcomes = await askAll(workers)
    assert.ok(workers.every((one) => one.version.startsWith(version)))
    assert.deepEqual(outcomes, Array(PROCESSES).fill({ calls: CALLS, tokens: ['token-1'], failures: [] }))
    assert.equal(provider.requests.length, 1)
  })

  test(`on ${name} a process killed inside the lock costs one more request at most, since its own may have been counted`, {
    skip,
  }, async (t) => {
    const { provider, workers, folder } = await start(t, PROCESSES, node)
    const [arrived, released] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    provider.answer = async (_, count) => {
      if (count > 1) return tokens(`token-${count}`)
      arrived.resolve(undefined)
      await released.promise
      return tokens('token-1')
    }
    const asked = askAll(workers)
    await arrived.promise
    const pid = await lockHolder(folder)
    const killed = workers.find((one) => one.pid === pid)
    assert.ok(killed, `the lock names ${pid}, which is one of the processes`)
    await killed.kill()
    released.resolve(undefined)
    const outcomes = await asked
    const survivors = outcomes.filter((one) => one !== undefined)
    assert.deepEqual(survivors, Array(PROCESSES - 1).fill({ calls: CALLS, tokens: ['token-2'], failures: [] }))
    assert.equal(provider.requests.length, 2)
  })
}

test('20 short-lived processes one after another cost one token request', async (t) => {
  const { provider, folder, options } = await prepare(t)
  for (let count = 0; count < 20; count++) {
    const worker = await startWorker(t, { node: process.execPath, root, options: { ...options, folder } })
    assert.deepEqual(await worker.ask({ calls: 1 }), { calls: 1, tokens: ['token-1'], failures: [] })
    await worker.end()
  }
  assert.equal(provider.requests.length, 1)
})

test('refused credentials in 20 processes one after another are tried a few times, not 20', async (t) => {
  const { provider, folder, options } = await prepare(t)
  provider.answer = () => new OAuthError('invalid_client', 'no such client')
  for (let count = 0; count < 20; count++) {
    const worker = await startWorker(t, { node: process.execPath, root, options: { ...options, folder } })
    assert.deepEqual(await worker.ask({ calls: CALLS }), { calls: 0, tokens: [], failures: ['invalid_client'] })
    await worker.end()
  }
  // Two seconds after the first, four after the next: as many as fit into the time that 20 starts take.
  assert.ok(provider.requests.length <= 8, `${provider.requests.length} token requests`)
})

test('a rotating refresh token is used once by 8 processes, over five renewals', async (t) => {
  const { provider, workers } = await start(t, PROCESSES, process.execPath, { username: 'someone', password: 'their-password' })
  const used = new Set<string>()
  let reused = 0
  provider.answer = ({ parameters }, count) => {
    const refresh = parameters.get('refresh_token')
    if (refresh !== undefined && used.has(refresh)) reused++
    if (refresh !== undefined && used.has(refresh)) return new OAuthError('invalid_grant', 'used before: the family is revoked')
    if (refresh !== undefined) used.add(refresh)
    return tokens(`token-${count}`, 100, { refreshToken: `refresh-${count}` })
  }
  for (let round = 0; round <= 5; round++) {
    const outcomes = await askAll(workers, round === 0 ? 0 : 101_000)
    assert.deepEqual(outcomes, Array(PROCESSES).fill({ calls: CALLS, tokens: [`token-${round + 1}`], failures: [] }))
  }
  assert.equal(reused, 0)
  const grants = provider.requests.map(({ parameters }) => parameters.get('grant_type'))
  assert.deepEqual(grants, ['password', ...Array<string>(5).fill('refresh_token')])
})

interface Prepared {
  readonly provider: FakeProvider
  readonly folder: string
  readonly options: Readonly<Record<string, unknown>>
}

async function prepare(t: TestContext): Promise<Prepared> {
  const provider = await startProvider(t)
  const folder = await mkdtemp(join(tmpdir(), 'call-processes-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return { provider, folder, options: { tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret' } }
}

async function start(
  t: TestContext,
  count: number,
  node: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Prepared & { readonly workers: readonly Worker[] }> {
  const prepared = await prepare(t)
  const options = { ...prepared.options, ...more, folder: prepared.folder }
  const workers = await Promise.all(Array.from({ length: count }, () => startWorker(t, { node, root, options })))
  return { ...prepared, workers }
}

function askAll(workers: readonly Worker[], advance = 0): Promise<(Outcome | undefined)[]> {
  return Promise.all(workers.map((worker) => worker.ask({ calls: CALLS, advance })))
}

/** The process that the highest lock of the one key names. */
async function lockHolder(folder: string): Promise<number> {
  const [lock = ''] = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.lock$/.test(name))
  const last = Math.max(...(await readdir(join(folder, lock))).map(Number))
  const text = await readFile(join(folder, lock, String(last)), 'utf8')
  return (JSON.parse(text.slice('held'.length)) as { readonly pid: number }).pid
}
