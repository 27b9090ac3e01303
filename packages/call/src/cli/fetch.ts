// `callsign fetch`: one call of an API with the credentials attached, the answer's body streamed to standard output or a file.
import { createWriteStream, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { readTarget } from '../authorized_fetch.ts'
import { createClient } from '../client.ts'
import type { Command, World } from './command.ts'
import { CommandFailed, errorCode, readArguments, readStream, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'
import { counting } from './progress.ts'
import { duration } from './time_words.ts'
import { visible } from './visible.ts'

export const fetch: Command = {
  name: 'fetch',
  summary: 'call an API with the credentials attached',
  help: `Usage: callsign fetch URL [options]

Calls URL with an access token (and the API key, where there is one) and prints the body of the answer.

  -X, --request METHOD     default: GET, or POST with -d
  -d, --data DATA          the body; @FILE reads it from a file, - or @- from standard input
  -H, --header 'K: V'      one more header; may be repeated
  -o, --output FILE        write the body there
  -i, --include            print status and headers before the body
  -f, --fail               exit 22 if the status is 400 or more
  -v, --verbose            tell on standard error what happens, without credentials
  --max-size MB            longest answer that is taken, in megabytes (default 1024)
  --api-origin ORIGIN      where credentials may go; may be repeated
                           (default: the profile's or the preset's API, else the origin of URL)

A body that is JSON is sent as application/json, any other as a form, unless -H 'content-type: ...' says otherwise.

${CONNECTION_HELP}

Exit codes: 0 the API answered, 22 it answered 400 or more (--fail), 1 there is no token or no answer, 2 asked wrongly.

Examples:
  callsign fetch http://127.0.0.1:8080/apis/willba/some-endpoint --preset willba --demo
  callsign fetch https://api.wogeez.com/orders -d @order.json --preset wogeez --fail
  callsign fetch https://api.example.com/report.pdf --profile production -o report.pdf --fail
`,
  async run(args, world) {
    const { values, positionals } = readArguments('fetch', args, FETCH_OPTIONS)
    const [target, ...more] = positionals
    if (target === undefined || more.length > 0) throw new UsageError('Give one URL to call; see callsign fetch --help.')
    if (isStandardInput(values.data) && SECRET_FILES.some((flag) => values[flag] === '-')) {
      throw new UsageError('Standard input cannot be both the body and the secret: put one of them into a file.')
    }
    const url = readUrl(target)
    const most = readMegabytes(values['max-size'])
    const headers = readHeaders(values.header ?? [])
    const body = values.data === undefined ? undefined : await readBody(values.data, world)
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', await contentType(body))
    const options = await readConnection(values, world)
    const client = createClient({ ...options, apiOrigins: options.apiOrigins ?? [url.origin] })
    const method = values.request ?? (body === undefined ? 'GET' : 'POST')
    const tell = values.verbose ? (line: string): void => void world.stderr.write(`${line}\n`) : (): void => undefined
    client.on('token', ({ how, lifetime }) => tell(`* token: ${how}, lives ${duration(Math.round(lifetime))}`))
    client.on('rejected', ({ renewed }) =>
      tell(`* the API refused the token; ${renewed ? 'asking for a new one' : 'a new one was asked for lately'}`),
    )
    tell(`> ${visible(method, 40)} ${url.origin}${visible(url.pathname)}`)
    const response = await client.fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
    tell(`< ${response.status} ${visible(response.statusText)}`)
    await writeAnswer(response, { include: values.include === true, output: values.output, most }, world)
    if (!values.fail || response.status < 400) return 0
    world.stderr.write(`callsign: the API answered ${response.status}.\n`)
    return 22
  },
}

const FETCH_OPTIONS = {
  ...CONNECTION_OPTIONS,
  request: { type: 'string', short: 'X' },
  data: { type: 'string', short: 'd' },
  header: { type: 'string', short: 'H', multiple: true },
  output: { type: 'string', short: 'o' },
  include: { type: 'boolean', short: 'i' },
  fail: { type: 'boolean', short: 'f' },
  verbose: { type: 'boolean', short: 'v' },
  'max-size': { type: 'string', default: '1024' },
} as const

const MAX_STDIN_BYTES = 256 * 1024 * 1024
const SECRET_FILES = ['client-secret-file', 'password-file', 'api-key-file'] as const

function isStandardInput(data: string | undefined): boolean {
  return data === '-' || data === '@-'
}

function readUrl(text: string): URL {
  try {
    return readTarget(text)
  } catch {
    throw new UsageError('The URL must be absolute and without a user or password, like https://api.example.com/orders.')
  }
}

/** @returns bytes. */
function readMegabytes(text: string): number {
  const size = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (size < 1) throw new UsageError('--max-size must be a number of megabytes, 1 or more.')
  return size * 1_000_000
}

function readHeaders(lines: readonly string[]): Headers {
  const headers = new Headers()
  for (const line of lines) {
    const colon = line.indexOf(':')
    try {
      headers.append(line.slice(0, Math.max(colon, 0)), line.slice(colon + 1).trim())
    } catch {
      throw new UsageError("A header must be written 'name: value'.")
    }
  }
  return headers
}

async function readBody(data: string, { stdin }: World): Promise<string | Blob> {
  if (isStandardInput(data)) return new Blob([Uint8Array.from(await readStream(stdin, MAX_STDIN_BYTES))])
  if (!data.startsWith('@')) return data
  const path = data.slice(1)
  try {
    // Read from the disk as it is sent, and again if the call has to be repeated.
    if ((await stat(path)).isFile()) return await openAsBlob(path)
  } catch (error) {
    throw new UsageError(`The file ${path} cannot be read (${errorCode(error)}).`)
  }
  throw new UsageError(`${path} is no file: pipe it into -d @- instead.`)
}

const MAX_JSON_BYTES = 16 * 1024 * 1024

async function contentType(body: string | Blob): Promise<string> {
  if (typeof body !== 'string' && body.size > MAX_JSON_BYTES) return 'application/octet-stream'
  try {
    JSON.parse(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(await body.arrayBuffer()))
    return 'application/json'
  } catch {
    return 'application/x-www-form-urlencoded'
  }
}

interface Writing {
  readonly include: boolean
  readonly output: string | undefined
  /** Bytes. */
  readonly most: number
}

async function writeAnswer(response: Response, { include, output, most }: Writing, world: World): Promise<void> {
  const out = output === undefined ? world.stdout : createWriteStream(output)
  const progress = counting(world.stderr, world.now)
  const source = response.body
  let size = 0
  async function* pieces(): AsyncGenerator<Uint8Array | string> {
    if (include) yield head(response)
    if (!source) return
    for await (const chunk of Readable.fromWeb(source)) {
      const bytes = chunk as Uint8Array
      size += bytes.byteLength
      if (size > most) throw new CommandFailed(`The answer is longer than ${most / 1_000_000} MB: allow it with --max-size MB.`)
      progress.count(bytes.byteLength)
      yield bytes
    }
  }
  try {
    await pipeline(pieces, out, { end: output !== undefined })
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    const code = errorCode(error)
    if (output !== undefined && error instanceof Error && 'syscall' in error && 'path' in error)
      throw new UsageError(`${output} cannot be written (${code}): name a file that can.`)
    throw new CommandFailed(`The answer broke off after ${size} bytes: try again.`)
  } finally {
    progress.end()
  }
}

function head(response: Response): string {
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}\n`)
  return `HTTP ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}\n${fields.join('')}\n`
}
