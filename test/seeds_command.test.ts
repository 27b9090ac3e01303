// `npm run seeds` from outside: it passes as a whole, it can fail, it says what is missing, and it leaves nothing behind.
// And its measure: the requests are the pages' own words, and an answer unlike the page's example does not pass.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { judge } from '../tools/seeds/judge.ts'
import { fillIn, PageError, parsePageRequest, readPages } from '../tools/seeds/page_request.ts'

const MAIN = fileURLToPath(new URL('../tools/seeds/main.ts', import.meta.url))
const ORIGINALS = new URL('../../shared/seeds/', import.meta.url)
const REQUESTS = readPages(new URL('../tools/seeds/pages/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seeds-command-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const withoutCurl = spawnSync('curl', ['--version']).status === 0 ? false : 'curl is not installed'

test('every request of every page passes, one row each, and nothing is left behind', { skip: withoutCurl }, async () => {
  const { code, out, err } = await seeds([])
  assert.equal(code, 0, out + err)
  assert.equal(err, '')
  const rows = out.split('\n').filter((line) => /^[✓✗]/.test(line))
  assert.deepEqual(
    rows.map((row) => row.replace(/^(.) (\S+) +(.+?) +(\d+|-) .*$/, '$1 $2 | $3 | $4')),
    REQUESTS.map(({ page, request, expects }) => `✓ ${page} | ${request} | ${expects === 'refusal' ? 401 : 200}`),
  )
  assert.match(out, /token, 300 s, scope email profile/)
  assert.match(out, /All 14 requests went as their pages say/)
  assert.ok(Math.max(...out.split('\n').map((line) => line.length)) <= 100, 'a line is wider than 100 columns')
  assert.deepEqual(readdirSync(folder), [])
})

test('a wrong secret fails its row and the one that needs the token, and the exit code says so', { skip: withoutCurl }, async () => {
  const { code, out } = await seeds(['willba', '--replace', 'YOUR_CLIENT_SECRET=wrong'])
  assert.equal(code, 1, out)
  assert.match(out, /✗ Willba +token +401/)
  assert.match(out, /✗ Willba +API +- +- +not sent: no earlier answer had access_token/)
  assert.match(out, /2 of 2 requests failed/)
})

test('another host gets nothing: its connection ends at the front, whose certificate is not its own', { skip: withoutCurl }, async () => {
  const { code, out } = await seeds([
    'willba',
    'wave',
    '--replace',
    'auth.willba.app=example.com',
    '--replace',
    '<Authorization Server Uri>=https://example.com',
  ])
  assert.equal(code, 1, out)
  assert.match(out, /✗ Willba +token +- +[\d.]+ +curl: \(60\)/)
  assert.match(out, /✗ Wave +token +- +- +Error \[ERR_TLS_CERT_ALTNAME_INVALID\]/)
})

test('--verbose shows what was filled in, run and answered, and no whole token', { skip: withoutCurl }, async () => {
  const { code, out } = await seeds(['wych', '--verbose'])
  assert.equal(code, 0, out)
  assert.match(out, /filled in {2}\{\{token_endpoint\}\} = https:\/\/login\.wych\.app\/realms\/partner\/protocol\/openid-connect\/token/)
  assert.match(out, /--data-urlencode 'client_secret=supxxxxxxxxret'/)
  assert.match(out, /"not-before-policy": 0/)
  assert.doesNotMatch(out, /eyJ[\w-]{20,}/)
})

test('without curl its rows are not sent, the others are, and one sentence names the mend', async () => {
  const { code, out, err } = await seeds(['wave'], folder)
  assert.equal(code, 1, out + err)
  assert.match(out, /✓ Wave +token +200/)
  assert.match(out, /✗ Wave +API +- +- +not sent: curl is missing/)
  assert.match(err, /^curl is missing: install it .*\n$/)
})

test('an unknown page or option is one sentence and exit code 2', async () => {
  for (const args of [['keycloak'], ['--loud'], ['--replace', 'word']]) {
    const { code, out, err } = await seeds(args)
    assert.equal(code, 2)
    assert.equal(out, '')
    assert.match(err, /^[^\n]+\.\n$/)
  }
})

test('every request is in its page word for word', {
  skip: existsSync(ORIGINALS) ? false : 'the pages themselves are not part of a clone',
}, () => {
  for (const { file, page, runs, printed, snippet, example } of REQUESTS) {
    const original = readFileSync(new URL(`${page.toLowerCase()}.txt`, ORIGINALS), 'utf8')
    const words = runs === 'headers' ? snippet.split('\n').filter(() => printed) : [snippet]
    for (const text of [...words, example ?? '']) assert.ok(original.includes(text), `${file} has words that the page has not: ${text}`)
  }
})

test('an answer that lacks a member of the example, or has another value for it, does not pass', () => {
  const withExample = REQUESTS.filter(({ example }) => example !== undefined)
  assert.equal(withExample.length, 5)
  for (const request of withExample) {
    const example = JSON.parse(request.example ?? '') as Record<string, unknown>
    const passes = (members: Record<string, unknown>) =>
      judge(request, { status: 200, ms: 1, body: JSON.stringify(members), complaint: '', missing: false }).ok
    assert.equal(passes(example), true, request.file)
    for (const name of Object.keys(example)) {
      assert.equal(passes({ ...example, [name]: undefined }), false, `${request.file} without ${name}`)
      const other = request.differs.includes(name) || name === 'access_token' || name === 'refresh_token' ? '' : 'another'
      if (!request.differs.includes(name))
        assert.equal(passes({ ...example, [name]: other }), false, `${request.file} with another ${name}`)
    }
  }
})

test('a value that a shell could read is not filled in', () => {
  const request = parsePageRequest(
    'x.txt',
    "page: X\nrequest: API\nruns: shell\nexpects: api\nfill: TOKEN = $access_token\n---\ncurl 'TOKEN'",
  )
  assert.equal(fillIn(request, new Map([['access_token', 'abc.d-e_f']]), new Map()).text, "curl 'abc.d-e_f'")
  for (const bad of ["'; id; '", '$(id)', '`id`', 'a"b', 'a\nb', '']) {
    assert.throws(() => fillIn(request, new Map([['access_token', bad]]), new Map()), PageError)
  }
})

test('a request file with an unknown or a missing header line is refused', () => {
  const good = 'page: X\nrequest: API\nruns: shell\nexpects: api\n---\ncurl'
  assert.equal(parsePageRequest('x.txt', good).snippet, 'curl')
  for (const bad of [
    good.replace('page: X\n', ''),
    good.replace('shell', 'perl'),
    good.replace('runs', 'walks'),
    good.replace('---\n', ''),
  ]) {
    assert.throws(() => parsePageRequest('x.txt', bad), PageError)
  }
})

/** @param path the PATH it sees; TMPDIR is always this test's own folder */
async function seeds(args: readonly string[], path = process.env['PATH']): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], {
    env: { PATH: path, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  await once(child, 'close')
  return { code: child.exitCode, out, err }
}
