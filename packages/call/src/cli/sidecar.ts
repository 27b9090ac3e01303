// `callsign sidecar`: a server on this machine that forwards to one API with the credentials attached, until it is told to stop.
import { once } from 'node:events'
import { lstat, readFile } from 'node:fs/promises'
import { readListen } from '../sidecar/listen.ts'
import { startSidecar } from '../sidecar/sidecar.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'

const DEFAULT_LISTEN = '127.0.0.1:8089'
const GRACE_MS = 10_000

export const sidecar: Command = {
  name: 'sidecar',
  summary: 'forward to an API with the credentials attached, for programs in any language',
  help: `Usage: callsign sidecar --to ORIGIN [options]

Listens on this machine, and forwards every request to one API with the credentials attached. A program in any language
calls http://${DEFAULT_LISTEN}/orders where it would call https://api.example.com/orders, and needs to know of no token.

  --to ORIGIN              the API, like https://api.example.com: requests go there and nowhere else
                           (default: the preset's or the profile's API)
  --listen ADDRESS         a loopback address, ${DEFAULT_LISTEN} by default (port 0: any free one), or unix:/path
  --require-key-file FILE  callers must show the key in FILE as the field x-sidecar-key: for machines with other users
  --serve-token            GET /.sidecar/token gives the bare token; with --listen unix:/path only
  --max-body MB            longest body that is taken, in megabytes (default 1024)
  --timeout SECONDS        how long the API may take for an answer (default 300)

GET /.sidecar/health tells whether it works, GET /.sidecar/quota what is left of the token budget. Web pages are refused.
A sidecar's own refusals carry the field sidecar-error; all other answers are the API's.

${CONNECTION_HELP}

Examples:
  callsign sidecar --preset willba --demo
  callsign sidecar --profile production --to https://api.example.com --listen unix:/run/user/1000/orders/api.sock
  curl http://${DEFAULT_LISTEN}/orders
`,
  async run(args, world) {
    const { values, positionals } = readArguments('sidecar', args, SIDECAR_OPTIONS)
    if (positionals.length > 0) throw new UsageError('callsign sidecar takes options only; see callsign sidecar --help.')
    const listen = readListen(values.listen)
    const maxBody = readNumber(values['max-body'], '--max-body')
    const timeout = readNumber(values.timeout, '--timeout')
    const keyFile = values['require-key-file']
    const key = keyFile === undefined ? {} : { key: await readKey(keyFile) }
    const connection = await readConnection(values, world)
    const to = values.to ?? onlyOne(connection.apiOrigins)
    const running = await startSidecar({
      client: { ...connection, fetch: world.fetch, now: world.now },
      to,
      listen,
      ...key,
      serveToken: values['serve-token'] ?? false,
      maxBodyBytes: maxBody * 1_000_000,
      timeoutMs: timeout * 1000,
    })
    const stopped = new AbortController()
    const signals = ['SIGTERM', 'SIGINT'] as const
    const told = Promise.race(signals.map(async (signal) => once(process, signal, { signal: stopped.signal }).catch(() => undefined)))
    world.stdout.write(`${running.address} -> ${running.to}\n`)
    await told
    // A second signal ends the process at once.
    stopped.abort()
    await running.close(GRACE_MS)
    return 0
  },
}

const SIDECAR_OPTIONS = {
  ...CONNECTION_OPTIONS,
  to: { type: 'string' },
  listen: { type: 'string', default: DEFAULT_LISTEN },
  'require-key-file': { type: 'string' },
  'serve-token': { type: 'boolean' },
  'max-body': { type: 'string', default: '1024' },
  timeout: { type: 'string', default: '300' },
} as const

function onlyOne(origins: readonly string[] | undefined): string {
  const [origin, ...more] = origins ?? []
  if (origin === undefined || more.length > 0) throw new UsageError('Say which API: --to https://api.example.com.')
  return origin
}

function readNumber(text: string, option: string): number {
  const number = Number(text)
  if (!/^\d{1,6}$/.test(text) || number === 0) throw new UsageError(`${option} must be a whole number from 1 to 999999.`)
  return number
}

async function readKey(file: string): Promise<string> {
  try {
    const { mode } = await lstat(file)
    if ((mode & 0o077) !== 0) throw new UsageError(`The key file ${file} is open to others: chmod 600 it.`)
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof UsageError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`--require-key-file: the file ${file} cannot be read (${code}); give a file with 16 characters or more.`)
  }
}
