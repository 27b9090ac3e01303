// A way from a node to its PostgreSQL that breaks at a commit: where a break leaves open what became of it. Owns no expectation.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/**
 * What the server gets of the bytes in which COMMIT travels: `whole`: all, and its answer is lost; `nothing`; `late`: all, but on `release`;
 * `in parts`: what stands before COMMIT now, and COMMIT on `release`.
 */
export type Break = 'whole' | 'nothing' | 'late' | 'in parts'

/** A commit that was broken. */
export interface Broken {
  /** What was held back reaches the server; how it ended the transaction. */
  readonly release: () => Promise<'COMMIT' | 'ROLLBACK'>
}

export interface BreakingWay {
  readonly port: number
  /** At the next commit; resolves when it happened. */
  breakNext(how: Break): Promise<Broken>
  /** All connections, now. */
  cut(): void
  /** All connections, and there are no new ones. */
  close(): Promise<void>
}

const COMMIT = Buffer.from('COMMIT\0')
/** Of a message: its kind and its length. */
const HEAD = 5

export const startBreakingWay = async (port: number): Promise<BreakingWay> => {
  const open = new Set<Socket>()
  let next: { readonly how: Break; readonly tell: (broken: Broken) => void } | undefined
  const way = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    let kept = false
    open.add(from).add(to)
    from.on('data', (bytes: Buffer) => {
      const at = bytes.indexOf(COMMIT)
      if (next === undefined || at < 0) {
        to.write(bytes)
        return
      }
      const { how, tell } = next
      next = undefined
      kept = how !== 'nothing'
      const now = { whole: bytes.length, nothing: 0, late: 0, 'in parts': at - HEAD }[how]
      if (now > 0) to.write(bytes.subarray(0, now))
      const ended = endOf(to)
      from.destroy()
      tell({
        release: () => {
          to.write(bytes.subarray(now))
          return ended
        },
      })
    })
    to.on('data', (bytes: Buffer) => from.write(bytes))
    from
      .on('error', () => undefined)
      .on('close', () => {
        open.delete(from)
        if (!kept) to.destroy()
      })
    to.on('error', () => undefined).on('close', () => {
      open.delete(to)
      from.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(way, 'listening')
  way.unref()
  const address = way.address()
  assert.ok(typeof address === 'object' && address !== null)
  const cut = (): void => {
    for (const one of open) one.destroy()
  }
  return {
    port: address.port,
    breakNext: (how) =>
      new Promise((resolve) => {
        next = { how, tell: resolve }
      }),
    cut,
    close: async () => {
      const closed = once(way, 'close')
      way.close()
      cut()
      await closed
    },
  }
}

/** How the server ends the transaction, whoever still listens. */
const endOf = (to: Socket): Promise<'COMMIT' | 'ROLLBACK'> =>
  new Promise((resolve) => {
    to.on('data', (bytes: Buffer) => {
      const said = bytes.toString('latin1')
      if (!said.includes('COMMIT\0') && !said.includes('ROLLBACK\0')) return
      resolve(said.includes('COMMIT\0') ? 'COMMIT' : 'ROLLBACK')
      to.destroy()
    })
  })
