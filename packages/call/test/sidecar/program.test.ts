// `callsign sidecar` as a program, used by curl, by Python's standard library and by fetch of Node: each without a word about tokens.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, lstat, readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { callsign, folder } from '../callsign_process.ts'
import { INVALID_TOKEN, serve, startApi, startProvider } from '../fake_provider.ts'
import { spawnSidecar } from './program.ts'

const run = promisify(execFile)
const missing = async (program: string): Promise<string | false> =>
  run(program, ['--version']).then(
    () => false,
    () => `${program} is not installed`,
  )
const [noCurl, noPython] = await Promise.all([missing('curl'), missing('python3')])

const PYTHON = `
import json, sys, urllib.request, urllib.error
base = sys.argv[1]
request = urllib.request.Request(base + '/orders?a=1', data=b'{"a": 1}', headers={'content-type': 'application/json'})
with urllib.request.urlopen(request) as answer:
    print(answer.status, answer.read().decode())
with urllib.request.urlopen(base + '/moved') as answer:
    print(answer.status, answer.read().decode())
try:
    urllib.request.urlopen(urllib.request.Request(base + '/', headers={'Origin': 'https://evil.example'}))
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)['error'])
`

async function place(t: TestContext) {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  api.answer = ({ path, headers }) => {
    if (headers.authorization !== 'Bearer token-1') return INVALID_TOKEN
    if (path === '/moved') return { status: 301, headers: { location: `${api.origin}/found` } }
    return { status: 200, body: `seen ${path}` }
  }
  const args = ['--token-url', provider.tokenUrl, '--to', api.origin, '--listen', '127.0.0.1:0']
  return { provider, api, args }
}

test('a Python program calls through it and is led back through it by a redirect', { skip: noPython }, async (t) => {
  const { provider, args } = await place(t)
  const { address } = await spawnSidecar(t, args)
  const { stdout } = await run('python3', ['-c', PYTHON, address], { env: { PATH: process.env['PATH'] ?? '', no_proxy: '*' } })
  assert.equal(stdout, '200 seen /orders?a=1\n200 seen /found\n403 browser\n')
  assert.equal(provider.requests.length, 1)
})

test('curl calls through a unix socket', { skip: process.platform === 'win32' ? 'no unix sockets here' : noCurl }, async (t) => {
  const { args, api } = await place(t)
  const path = join(await folder(t), 'own', 'api.sock')
  const { address, child, exited } = await spawnSidecar(t, [...args.slice(0, 4), '--listen', `unix:${path}`, '--serve-token'])
  assert.equal(address, `unix:${path}`)
  const { stdout } = await run('curl', ['-sS', '--unix-socket', path, '-d', 'a=b', 'http://localhost/orders'])
  assert.deepEqual([stdout, api.seen[0]?.body], ['seen /orders', 'a=b'])
  const token = await run('curl', ['-sS', '--unix-socket', path, 'http://localhost/.sidecar/token'])
  assert.equal((JSON.parse(token.stdout) as Record<string, unknown>)['access_token'], 'token-1')
  child.kill('SIGTERM')
  assert.equal(await exited, 0)
  await assert.rejects(lstat(path), { code: 'ENOENT' })
})

test('two sidecars and a command spend one token between them', async (t) => {
  const { provider, args } = await place(t)
  const home = await folder(t)
  const sidecars = await Promise.all([spawnSidecar(t, args, home), spawnSidecar(t, args, home)])
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => fetch(`${sidecars[index % 2]?.address ?? ''}/orders`)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const env = { XDG_CACHE_HOME: home, XDG_CONFIG_HOME: home, CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'our-secret' }
  assert.equal((await callsign(['token', '--token-url', provider.tokenUrl], { env })).out, 'token-1\n')
  assert.equal(provider.requests.length, 1)
})

test('told to stop, it lets the request under way end, takes no new one, and exits 0', async (t) => {
  const provider = await startProvider(t)
  let held: ServerResponse | undefined
  let arrived: () => void = () => undefined
  const came = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const api = await serve(t, (_: IncomingMessage, outgoing: ServerResponse) => {
    held = outgoing
    arrived()
  })
  const { address, child, exited } = await spawnSidecar(t, ['--token-url', provider.tokenUrl, '--to', api, '--listen', '127.0.0.1:0'])
  const call = fetch(address)
  await came
  child.kill('SIGTERM')
  // Refused from the moment it has understood.
  let refused = false
  while (!refused) {
    refused = await fetch(`${address}/.sidecar/health`).then(
      () => false,
      () => true,
    )
  }
  held?.end('the end')
  assert.equal(await (await call).text(), 'the end')
  assert.equal(await exited, 0)
})

test('a wrong command line is one sentence with its mend, exit 2, and nothing listens', async (t) => {
  const { args } = await place(t)
  const at = await folder(t)
  const key = join(at, 'key')
  await writeFile(key, 'correct-horse-battery\n')
  await chmod(key, 0o644)
  // What is wrong with an address is shown without a process in attacks.test.ts.
  const cases: [string[], RegExp][] = [
    [[...args.slice(0, 4), '--listen', '0.0.0.0:8089'], /loopback address/],
    [args.slice(0, 2), /--to https:\/\/api\.example\.com/],
    [[...args, '--require-key-file', key], /chmod 600/],
    [[...args, '--max-body', '0'], /--max-body must be/],
  ]
  const env = { XDG_CACHE_HOME: at, XDG_CONFIG_HOME: at, CALLSIGN_CLIENT_ID: 'ours', CALLSIGN_CLIENT_SECRET: 'our-secret' }
  const wrong = async ([line, sentence]: [string[], RegExp]): Promise<void> => {
    const { code, out, err } = await callsign(['sidecar', ...line], { env })
    assert.deepEqual([code, out], [2, ''], `${line.join(' ')}: ${err}`)
    assert.match(err, sentence)
    assert.match(err, /^callsign: [^\n]+\n$/)
  }
  await Promise.all(cases.map(wrong))
  const { out } = await callsign(['sidecar', '--help'])
  assert.match(out, /Usage: callsign sidecar[\s\S]*--to ORIGIN[\s\S]*Examples:/)
})

test('a key from a file is asked for', async (t) => {
  const { args } = await place(t)
  const key = join(await folder(t), 'key')
  await writeFile(key, 'correct-horse-battery\n', { mode: 0o600 })
  const { address } = await spawnSidecar(t, [...args, '--require-key-file', key])
  assert.equal((await fetch(address)).status, 401)
  assert.equal((await fetch(address, { headers: { 'x-sidecar-key': (await readFile(key, 'utf8')).trim() } })).status, 200)
})
