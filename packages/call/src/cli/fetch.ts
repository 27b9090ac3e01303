// `callsign fetch`: one call of an API with the credentials attached, the answer's body streamed to standard output.
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { readTarget } from '../authorized_fetch.ts'
import { createClient } from '../client.ts'
import type { Command, World } from './command.ts'
import { readArguments, readStream, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'

export const fetch: Command = {
  name: 'fetch',
  summary: 'call an API with the credentials attached',
  help: `Usage: callsign fetch URL [options]

Calls URL with an access token (and the API key, where there is one) and prints the body of the answer.

  -X, --request METHOD     default: GET, or POST with -d
  -d, --data DATA          the body; @FILE reads it from a file, - from standard input
  -H, --header 'K: V'      one more header; may be repeated
  -i, --include            print status and headers before the body
  -f, --fail               exit 22 if the status is 400 or more
  --api-origin ORIGIN      where credentials may go; may be repeated
                           (default: the preset's API, or without a preset the origin of URL)

A body that is JSON is sent as application/json, any other as a form, unless -H 'content-type: ...' says otherwise.

${CONNECTION_HELP}

Examples:
  callsign fetch http://127.0.0.1:8080/apis/willba/some-endpoint --preset willba --demo
  callsign fetch https://api.wogeez.com/orders -d @order.json --preset wogeez --fail
`,
  async run(args, world) {
    const { values, positionals } = readArguments('fetch', args, FETCH_OPTIONS)
    const [target, ...more] = positionals
    if (target === undefined || more.length > 0) throw new UsageError('Give one URL to call; see callsign fetch --help.')
    if (values.data === '-' && values['client-secret-file'] === '-') {
      throw new UsageError('Standard input cannot be both the body and the secret: put one of them into a file.')
    }
    const url = readUrl(target)
    const headers = readHeaders(values.header ?? [])
    const body = values.data === undefined ? undefined : await readBody(values.data, world)
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', contentType(body))
    const options = await readConnection(values, world)
    const client = createClient({ ...options, apiOrigins: options.apiOrigins ?? [url.origin] })
    const method = values.request ?? (body === undefined ? 'GET' : 'POST')
    const response = await client.fetch(url, { method, headers, ...(body === undefined ? {} : { body }) })
    if (values.include) world.stdout.write(head(response))
    if (response.body) await pipeline(Readable.from(response.body), world.stdout, { end: false })
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
  include: { type: 'boolean', short: 'i' },
  fail: { type: 'boolean', short: 'f' },
} as const

const MAX_STDIN_BYTES = 256 * 1024 * 1024

function readUrl(text: string): URL {
  try {
    return readTarget(text)
  } catch {
    throw new UsageError('The URL must be absolute and without a user or password, like https://api.example.com/orders.')
  }
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

async function readBody(data: string, { stdin }: World): Promise<string | Uint8Array<ArrayBuffer>> {
  if (data === '-') return Uint8Array.from(await readStream(stdin, MAX_STDIN_BYTES))
  if (!data.startsWith('@')) return data
  try {
    return Uint8Array.from(await readFile(data.slice(1)))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`The file ${data.slice(1)} cannot be read (${code}).`)
  }
}

function contentType(body: string | Uint8Array): string {
  try {
    JSON.parse(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body))
    return 'application/json'
  } catch {
    return 'application/x-www-form-urlencoded'
  }
}

function head(response: Response): string {
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}\n`)
  return `HTTP ${response.status}${response.statusText === '' ? '' : ` ${response.statusText}`}\n${fields.join('')}\n`
}
