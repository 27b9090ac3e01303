// npm run seeds: the pages' requests, unmodified, against the demo. Starts what is needed, sends one after the other, and cleans up.
import { parseArgs } from 'node:util'
import { makeCertificate } from './certificate.ts'
import { DemoError, startDemo } from './demo.ts'
import { startFront } from './front.ts'
import { failed, judge } from './judge.ts'
import type { PageRequest } from './page_request.ts'
import { fillIn, hostsOf, PageError, readPages } from './page_request.ts'
import type { Sender } from './sender.ts'
import { openSender } from './sender.ts'
import type { Row, Table } from './table.ts'
import { createTable } from './table.ts'

const HELP = `Usage: npm run seeds -- [PAGE...] [OPTIONS]

Runs each seed page's requests word for word (https, the page's own host names) against the demo, calls the guarded API
with the token as the page says, and prints one row per request. Nothing leaves this machine.

  PAGE                   only these: wave, webcommander, willba, wogeez, wych
  --replace WORD=OTHER   another value for a word of the requests, to see a row fail; may be repeated
  --verbose              what was filled in, what was run and what came back; tokens are shortened
  --help                 this text

The requests are in tools/seeds/pages, a file each. Exit code: 0 all as the pages say, 1 something is not, 2 bad use.`

const CURL_MISSING = 'curl is missing: install it (Debian: apt-get install curl; Alpine: apk add curl) and run `npm run seeds` again.'
const BAD_USE = 2

interface Choice {
  readonly requests: readonly PageRequest[]
  readonly replace: ReadonlyMap<string, string>
  readonly verbose: boolean
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
const stopped = new AbortController()
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const choice = choose(args)
    if (choice === 'help') console.log(HELP)
    return choice === 'help' ? 0 : await runAll(choice)
  } catch (error) {
    if (!(error instanceof PageError || error instanceof DemoError)) throw error
    console.error(error.message)
    return error instanceof PageError ? BAD_USE : 1
  }
}

function choose(args: readonly string[]): Choice | 'help' {
  const { values, positionals } = readArguments(args)
  if (values.help) return 'help'
  const all = readPages(new URL('./pages/', import.meta.url))
  const names = positionals.map((name) => name.toLowerCase())
  const known = [...new Set(all.map(({ page }) => page.toLowerCase()))]
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new PageError(`There is no page '${unknown}': the pages are ${known.join(', ')}.`)
  return {
    requests: all.filter(({ page }) => names.length === 0 || names.includes(page.toLowerCase())),
    replace: new Map((values.replace ?? []).map(readReplacement)),
    verbose: values.verbose ?? false,
  }
}

function readArguments(args: readonly string[]) {
  const options = {
    replace: { type: 'string', multiple: true },
    verbose: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch {
    throw new PageError('An option is unknown or lacks its value: `npm run seeds -- --help` lists the options.')
  }
}

function readReplacement(text: string): [string, string] {
  const [, word, other] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (!word || !other) throw new PageError(`--replace wants WORD=OTHER and got '${text}'.`)
  return [word, other]
}

async function runAll(choice: Choice): Promise<number> {
  const startedAt = performance.now()
  const hosts = hostsOf(choice.requests)
  const cleanUp = new AsyncDisposableStack()
  await using _ = cleanUp
  const demo = await startDemo(process.env)
  cleanUp.defer(() => demo.close())
  const certificate = await makeCertificate(hosts, Date.now())
  const front = await startFront(certificate, demo.origin)
  cleanUp.defer(() => front.close())
  const sender = await openSender({ port: front.port, authority: certificate.authority }, process.env)
  cleanUp.defer(() => sender.close())

  const live = process.stdout.isTTY
  const table = createTable({ colour: live && !process.env['NO_COLOR'], live, verbose: choice.verbose })
  const ready = Math.round(performance.now() - startedAt)
  console.log(`The seed pages' requests, word for word, against the demo: https for ${hosts.length} host names on 127.0.0.1:${front.port}`)
  console.log(`curl ${sender.curl ?? 'is missing'}, Node ${process.versions.node}, ready after ${ready} ms\n`)
  const rows = await sendAll(choice, sender, table)
  process.stdout.write(table.foot(rows, choice.requests.length, performance.now() - startedAt))
  if (!sender.curl) console.error(CURL_MISSING)
  return rows.every((row) => row.judgement.ok) && rows.length === choice.requests.length ? 0 : 1
}

async function sendAll({ requests, replace }: Choice, sender: Sender, table: Table): Promise<Row[]> {
  process.stdout.write(table.head())
  const rows: Row[] = []
  const answers = new Map<string, ReadonlyMap<string, string>>()
  for (const request of requests) {
    if (stopped.signal.aborted) break
    process.stdout.write(table.waiting(request))
    const known = answers.get(request.page) ?? new Map<string, string>()
    const row = await sendOne(request, { known, replace }, sender)
    answers.set(request.page, new Map([...known, ...row.judgement.members]))
    process.stdout.write(table.row(row))
    rows.push(row)
  }
  return rows
}

interface Values {
  readonly known: ReadonlyMap<string, string>
  readonly replace: ReadonlyMap<string, string>
}

async function sendOne(request: PageRequest, { known, replace }: Values, sender: Sender): Promise<Row> {
  let filled: Row['filled']
  try {
    filled = fillIn(request, known, replace)
  } catch (error) {
    if (!(error instanceof PageError)) throw error
    return { request, filled: undefined, command: undefined, answer: undefined, judgement: failed(error.message) }
  }
  const command = sender.describe(request, filled.text)
  if (request.runs !== 'javascript' && !sender.curl) {
    return { request, filled, command, answer: undefined, judgement: failed('not sent: curl is missing') }
  }
  const answer = await sender.send(request, filled.text)
  return { request, filled, command, answer, judgement: judge(request, answer) }
}
