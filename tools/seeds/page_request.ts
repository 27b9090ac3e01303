// The pages' requests as the files in `pages/` hold them: a header of `name: value` lines, the page's own words, and the answer it shows.
// Reads them and fills in what a page leaves to its reader. Sends nothing.
import { globSync, readFileSync } from 'node:fs'

const RUNS = ['shell', 'javascript', 'body', 'headers'] as const
const EXPECTS = ['token', 'metadata', 'api', 'refusal'] as const

export interface PageRequest {
  /** Path of the file below `pages/`. */
  readonly file: string
  readonly page: string
  /** What the page wants here, in two or three words. */
  readonly request: string
  /** `shell` and `javascript` are whole programs; of a `body` or of `headers` the page prints only that, and `send` has the rest. */
  readonly runs: (typeof RUNS)[number]
  readonly expects: (typeof EXPECTS)[number]
  readonly send: { readonly method: string; readonly url: string } | undefined
  /** False where the page describes the request without printing it. */
  readonly printed: boolean
  /** Whom the API is to hear of, in a call that passes. */
  readonly client: string | undefined
  /** Members of the shown answer whose value may be another. */
  readonly differs: readonly string[]
  /** Placeholder -> value; a value `$member` is that member of an earlier answer to the same page's requests. */
  readonly fill: ReadonlyMap<string, string>
  /** The page's words, character for character. */
  readonly snippet: string
  /** The page's example answer, as text; undefined if it shows none. */
  readonly example: string | undefined
}

/** A request with nothing left to fill in. */
export interface FilledRequest {
  readonly text: string
  /** Each placeholder that stood in the text, and what it became. */
  readonly filled: ReadonlyMap<string, string>
}

/** A file says what it may not, or a value cannot be filled in. */
export class PageError extends Error {
  override readonly name = 'PageError'
}

/** All requests, page by page and in the order in which a reader meets them. */
export function readPages(folder: URL): PageRequest[] {
  const files = globSync('*/*.txt', { cwd: folder }).map((file) => file.replaceAll('\\', '/'))
  return files.sort().map((file) => parsePageRequest(file, readFileSync(new URL(file, folder), 'utf8')))
}

/** @throws PageError */
export function parsePageRequest(file: string, text: string): PageRequest {
  const [, head, rest] = /^([\s\S]*?)\n---\n([\s\S]*)$/.exec(text.replaceAll('\r\n', '\n').trimEnd()) ?? []
  if (head === undefined || rest === undefined) throw new PageError(`${file} has no line --- between its header and the page's words.`)
  const { one, fill } = readHead(file, head)
  const [snippet = '', example] = rest.split('\n--- answers\n')
  const send = /^(GET|POST) (https:\/\/\S+)$/.exec(one.get('send') ?? '')
  const request: PageRequest = {
    file,
    page: need(file, 'page', one.get('page')),
    request: need(file, 'request', one.get('request')),
    runs: need(
      file,
      'runs',
      RUNS.find((each) => each === one.get('runs')),
    ),
    expects: need(
      file,
      'expects',
      EXPECTS.find((each) => each === one.get('expects')),
    ),
    send: send?.[1] && send[2] ? { method: send[1], url: send[2] } : undefined,
    printed: one.get('words') !== 'ours',
    client: one.get('client'),
    differs: one.get('differs')?.split(' ') ?? [],
    fill,
    snippet,
    example,
  }
  const program = request.runs === 'shell' || request.runs === 'javascript'
  if (program === (request.send !== undefined)) throw new PageError(`${file}: 'send' goes with a body or with headers, and only with them.`)
  return request
}

/**
 * The page's words with every placeholder replaced, once and in one pass. `answers` has the members to take `$member` from;
 * `replace` is the reader's own table and wins.
 * @throws PageError for a member that no answer had, or a value that would mean something else to a shell
 */
export function fillIn(request: PageRequest, answers: ReadonlyMap<string, string>, replace: ReadonlyMap<string, string>): FilledRequest {
  const filled = new Map<string, string>()
  const table = new Map([...request.fill, ...replace])
  if (table.size === 0) return { text: request.snippet, filled }
  const longestFirst = [...table.keys()].sort((one, other) => other.length - one.length)
  const text = request.snippet.replaceAll(
    new RegExp(longestFirst.map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g'),
    (placeholder) => {
      const value = resolve(table.get(placeholder) ?? '', answers)
      if (!HARMLESS.test(value))
        throw new PageError(`${placeholder} cannot be filled in: the value has characters that a shell could read.`)
      filled.set(placeholder, value)
      return value
    },
  )
  return { text, filled }
}

/** Every host that the requests name, for the certificate. */
export function hostsOf(requests: readonly PageRequest[]): string[] {
  const words = requests.flatMap(({ snippet, send, fill }) => [snippet, send?.url ?? '', ...fill.values()])
  const hosts = words.flatMap((text) => [...text.matchAll(/https:\/\/([a-z0-9.-]+)/g)].map((match) => match[1] ?? ''))
  return [...new Set(hosts)].sort()
}

/** Neither quote nor anything that a shell, curl's globbing or JavaScript reads inside one. */
const HARMLESS = /^[\w.~+/=:@ -]{1,8192}$/

function resolve(value: string, answers: ReadonlyMap<string, string>): string {
  if (!value.startsWith('$')) return value
  const found = answers.get(value.slice(1))
  if (found === undefined) throw new PageError(`not sent: no earlier answer had ${value.slice(1)}`)
  return found
}

function readHead(file: string, head: string): { one: Map<string, string>; fill: Map<string, string> } {
  const one = new Map<string, string>()
  const fill = new Map<string, string>()
  for (const line of head.split('\n')) {
    const [, name, value] = /^([a-z]+): (.+)$/.exec(line) ?? []
    const [, placeholder, becomes] = /^(.+?) = (.+)$/.exec(value ?? '') ?? []
    if (name === 'fill' && placeholder && becomes) fill.set(placeholder, becomes)
    else if (name && value && HEADS.has(name) && !one.has(name)) one.set(name, value)
    else throw new PageError(`${file} has a header line that cannot be read: ${line}`)
  }
  return { one, fill }
}

const HEADS = new Set(['page', 'request', 'runs', 'send', 'words', 'expects', 'client', 'differs'])

function need<Value>(file: string, name: string, value: Value | undefined): Value {
  if (value === undefined) throw new PageError(`${file} needs a header line '${name}', or another value in it.`)
  return value
}
