// `callsign` in this process, with a world of its own: for what needs no process. Its twin with a process is callsign_process.ts.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import { run } from '../src/cli/run.ts'
import type { Ran, World } from './callsign_process.ts'

export interface NearWorld extends World {
  readonly platform?: string
  readonly fetch?: typeof globalThis.fetch
  /** Epoch seconds. */
  readonly now?: () => number
  /** All that standard error has said so far, each time it says more. */
  readonly onErr?: (text: string) => void
}

/** Runs one command to its end. */
export async function command(
  args: readonly string[],
  { env = {}, stdin = '', home, platform = 'linux', fetch, now, onErr }: NearWorld = {},
): Promise<Ran> {
  const own = home ?? (await mkdtemp(join(tmpdir(), 'callsign-home-')))
  const [out, err] = [sink(), sink(onErr)]
  try {
    const code = await run(args, {
      env: { PATH: process.env['PATH'] ?? '', HOME: own, ...env },
      stdin: Readable.from(stdin === '' ? [] : [stdin]),
      stdout: out.stream,
      stderr: err.stream,
      fetch: fetch ?? globalThis.fetch,
      now: now ?? (() => Date.now() / 1000),
      platform,
    })
    return { code, out: out.text(), err: err.text() }
  } finally {
    if (home === undefined) await rm(own, { recursive: true, force: true })
  }
}

/** A home that lasts for one test. */
export async function homeOf(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'callsign-home-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}

function sink(onText: (text: string) => void = () => undefined): { readonly stream: Writable; readonly text: () => string } {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer | string, _encoding, done) {
      chunks.push(Buffer.from(chunk))
      onText(Buffer.concat(chunks).toString('utf8'))
      done()
    },
  })
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') }
}
