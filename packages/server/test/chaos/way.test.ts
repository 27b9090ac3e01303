// The way between a node and its database: what it does to bytes when it is slow, held or cut.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Way } from './way.ts'
import { startWay } from './way.ts'

const OPTIONS = { timeout: 20_000 }

const open = async (context: TestContext): Promise<{ way: Way; near: Socket; far: Socket; came: () => string }> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const way = await startWay((server.address() as AddressInfo).port)
  const near = connect(way.port, '127.0.0.1').setNoDelay()
  near.on('error', () => undefined)
  const [far] = (await once(server, 'connection')) as [Socket]
  far.on('error', () => undefined)
  let text = ''
  far.setEncoding('utf8').on('data', (part: string) => (text += part))
  context.after(async () => {
    near.destroy()
    far.destroy()
    server.close()
    await way.close()
  })
  return { way, near, far, came: () => text }
}

test('bytes come in order, also when the way was slow and is not any more', OPTIONS, async (context) => {
  const { way, near, far, came } = await open(context)
  way.slow(60)
  near.write('one ')
  way.slow(5)
  near.write('two ')
  way.mend()
  near.write('three')
  while (came().length < 'one two three'.length) await once(far, 'data')
  assert.equal(came(), 'one two three')
})

test('while it is held nothing comes and nothing breaks, and afterwards all of it comes', OPTIONS, async (context) => {
  const { way, near, far, came } = await open(context)
  way.hold()
  near.write('held')
  // Another connection is taken, and stands too.
  const other = connect(way.port, '127.0.0.1')
  await once(other, 'connect')
  assert.equal(came(), '')
  assert.equal(near.destroyed || far.destroyed, false)
  way.mend()
  if (came() === '') await once(far, 'data')
  assert.equal(came(), 'held')
  other.destroy()
})

test('when it is cut all connections break, new ones too, until it is mended', OPTIONS, async (context) => {
  const { way, near, far } = await open(context)
  way.cut()
  await Promise.all([near.closed || once(near, 'close'), far.closed || once(far, 'close')])
  const refused = connect(way.port, '127.0.0.1')
  refused.on('error', () => undefined)
  await once(refused, 'close')
  way.mend()
  const again = connect(way.port, '127.0.0.1')
  await once(again, 'connect')
  again.destroy()
})
