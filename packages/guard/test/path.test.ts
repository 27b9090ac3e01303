// The one reading of a path: what is refused, and what a gateway may forward.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { plainPath, readPath } from '../src/path.ts'

const REFUSED: Readonly<Record<string, readonly string[]>> = {
  'no origin form': ['', 'orders', '*', 'http://api.example/orders', '?x=/orders'],
  'an encoded slash or backslash': ['/a%2fb', '/a%2Fb', '/a%5cb', '/public%2F..%2Fadmin', '/%2f%2fadmin'],
  'a dot segment': ['/.', '/..', '/a/../admin', '/a/./b', '/a/..', '/../../etc/passwd'],
  'an encoded dot segment': ['/%2e', '/%2e%2e/admin', '/a/.%2E/b', '/a/%2e./b', '/a%2eb'],
  'a dot segment behind path parameters': ['/a/..;/admin', '/a/.;x=1/b', '/a/..;x/b', '/a/;x/b', '/;/admin'],
  'an empty segment': ['//', '//admin', '/a//b', '/a//', '///'],
  'a backslash': ['/a\\b', '\\admin', '/..\\admin'],
  'a control character, raw or encoded': ['/a\0', '/a%00', '/a%0d%0ab', '/a\nb', '/a\tb', '/a%7f', '/a b'],
  'an escape that is not UTF-8': ['/%ff', '/%c0%af', '/%ed%a0%80', '/%e2%82', '/%', '/%4', '/%zz', '/a%u0041'],
  'a raw character beyond ASCII': ['/caf\u00e9', '/\uff0e\uff0e/admin', '/a\u2215b', '/\ud800'],
  'an escape for a letter, digit or mark that needs none': ['/%61dmin', '/%41', '/v%31', '/a%2Db', '/a%5fb', '/%6a%73'],
  'an escape within an escape': ['/a%252fb', '/%252e%252e/admin', '/a%255Cb', '/a%2500'],
  'a fragment': ['/a#b', '/a#/../b'],
  'more than 8 KiB': [`/${'a'.repeat(8192)}`, `/a?${'b'.repeat(8192)}`],
}

for (const [what, paths] of Object.entries(REFUSED)) {
  test(`a path with ${what} is refused`, () => {
    for (const path of paths) assert.ok('problem' in readPath(path), JSON.stringify(path))
  })
}

test('an ordinary path is read as it is, and its query is left alone', () => {
  assert.deepEqual(readPath('/orders/42?a=%2f..&access_token=x'), {
    path: '/orders/42',
    segments: ['orders', '42'],
    query: '?a=%2f..&access_token=x',
  })
  assert.deepEqual(readPath('/'), { path: '/', segments: [''], query: '' })
  assert.deepEqual(readPath('/a/'), { path: '/a/', segments: ['a', ''], query: '' })
  assert.deepEqual(readPath('/.well-known/keys?'), { path: '/.well-known/keys', segments: ['.well-known', 'keys'], query: '?' })
})

test('escapes are decoded for matching and kept for forwarding, in one spelling', () => {
  const read = readPath('/caf%c3%a9/a%20b/%7euser/x;v=1/50%25')
  assert.deepEqual(read, {
    path: '/caf%C3%A9/a%20b/~user/x;v=1/50%25',
    segments: ['café', 'a b', '~user', 'x;v=1', '50%'],
    query: '',
  })
})

test('what is read once and forwarded is read the same again', () => {
  const piece = fc.oneof(
    fc.constantFrom('/', '.', '..', '%2e', '%2F', ';', '%25', '%c3%a9', '~', '%7e', '\\', '?', '#', '%'),
    fc.string({ maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const read = readPath(`/${pieces.join('')}`)
      if ('problem' in read) return
      assert.deepEqual(readPath(read.path + read.query), read)
      assert.ok(!read.segments.some((segment) => segment === '.' || segment === '..' || /[/\\\0]/.test(segment)))
      // The reader that everybody has must not see another path.
      assert.equal(new URL(`http://h${read.path}`).pathname, read.path.replaceAll(/["<>^`{}]/g, encodeURIComponent))
    }),
    { numRuns: 2000 },
  )
})

test('any segment that a client encodes is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }), (segments) => {
      const read = readPath(`/${segments.map(encodeURIComponent).join('/')}`)
      if ('problem' in read) assert.match(segments.join('/'), /[/\\]|[\0-\x1f\x7f]|^\.|\/\.|^;|\/;|%(?:2f|5c|2e|00)/i)
      else assert.deepEqual(read.segments, segments)
    }),
  )
})

test('of all short paths the plain ones are those of unreserved characters, without empty segments or leading dots', () => {
  const pieces = ['/', '.', 'a', 'Z', '9', '~', '_', '-', '%', '?', ';', '\\', '\0', '\x7f', '\u00e1', '\u0161']
  const plain = /^\/(?:[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(?:\/|$))*$/
  const longer = (paths: readonly string[]): string[] => paths.flatMap((path) => pieces.map((piece) => path + piece))
  const one = longer([''])
  for (const path of ['', one, longer(one), longer(longer(longer(['/'])))].flat()) {
    const [bare = ''] = path.split('?', 1)
    assert.equal(plainPath(path), plain.test(bare) ? bare : undefined, JSON.stringify(path))
    if (plain.test(path)) assert.deepEqual(readPath(path), { path, segments: path.slice(1).split('/'), query: '' })
  }
})
