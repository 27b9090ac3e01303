// What `npm run seeds` prints: one row a request within 100 columns, and with --verbose what was sent and what came back.
import { styleText } from 'node:util'
import type { Judgement } from './judge.ts'
import type { FilledRequest, PageRequest } from './page_request.ts'
import type { Answer } from './sender.ts'

export interface Row {
  readonly request: PageRequest
  readonly filled: FilledRequest | undefined
  /** The command, for people to read. */
  readonly command: string | undefined
  readonly answer: Answer | undefined
  readonly judgement: Judgement
}

export interface Table {
  head(): string
  /** Before the answer is there; only where a line can be written over. */
  waiting(request: PageRequest): string
  row(row: Row): string
  /** @param wanted how many rows there were to be */
  foot(rows: readonly Row[], wanted: number, ms: number): string
}

const WIDTH = 100
const COLUMNS = { page: 14, request: 19, status: 6, ms: 7 } as const
const WORDS_AT = 2 + COLUMNS.page + COLUMNS.request + COLUMNS.status + COLUMNS.ms + 2

export function createTable({ colour, live, verbose }: { colour: boolean; live: boolean; verbose: boolean }): Table {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colour ? styleText(style, text, { validateStream: false }) : text
  const names = ({ page, request }: PageRequest): string => page.padEnd(COLUMNS.page) + request.padEnd(COLUMNS.request)
  const notes: string[] = []
  return {
    head() {
      const titles = `  ${'page'.padEnd(COLUMNS.page)}${'request'.padEnd(COLUMNS.request)}${'status'.padStart(COLUMNS.status)}${'ms'.padStart(COLUMNS.ms)}  what came back`
      return `${paint('dim', titles)}\n`
    },
    waiting: (request) => (live ? paint('dim', `· ${names(request)}...`) : ''),
    row({ request, filled, command, answer, judgement }) {
      const { ok, words, note } = judgement
      if (note !== undefined && !notes.includes(note)) notes.push(note)
      const mark = note === undefined ? '' : ` [${notes.indexOf(note) + 1}]`
      const status = String(answer?.status ?? '-').padStart(COLUMNS.status)
      const ms = (answer?.ms?.toFixed(1) ?? '-').padStart(COLUMNS.ms)
      const [first = '', ...more] = wrap(words + mark, WIDTH - WORDS_AT)
      const line = `${ok ? paint('green', '✓') : paint('red', '✗')} ${names(request)}${status}${paint('dim', ms)}  ${ok ? first : paint('red', first)}`
      const lines = [line, ...more.map((text) => ' '.repeat(WORDS_AT) + (ok ? text : paint('red', text)))]
      const details = verbose ? detail(request, filled, command, answer).map((text) => paint('dim', text)) : []
      return `${live ? '\r\x1b[2K' : ''}${[...lines, ...details].join('\n')}\n`
    },
    foot(rows, wanted, ms) {
      const wrong = rows.filter((row) => !row.judgement.ok).length
      const good = wrong === 0 && rows.length === wanted
      const sum = `${sentence(rows.length, wrong, wanted)} after ${(ms / 1000).toFixed(1)} s.`
      const remarks = notes.flatMap((note, index) =>
        wrap(note, WIDTH - 6).map((text, line) => (line === 0 ? `  [${index + 1}] ` : '      ') + text),
      )
      return `${[...remarks.map((text) => paint('dim', text)), '', paint(good ? ['bold', 'green'] : ['bold', 'red'], sum)].join('\n')}\n`
    },
  }
}

function sentence(sent: number, wrong: number, wanted: number): string {
  if (sent < wanted) return `Stopped with ${sent} of ${wanted} requests sent, ${wrong} of them failed,`
  return wrong === 0 ? `All ${wanted} requests went as their pages say,` : `${wrong} of ${wanted} requests failed,`
}

function detail(
  request: PageRequest,
  filled: FilledRequest | undefined,
  command: string | undefined,
  answer: Answer | undefined,
): string[] {
  const table = [...(filled?.filled ?? [])].map(([placeholder, value]) => `${placeholder} = ${value}`)
  const sent = request.runs === 'body' && filled ? [filled.text] : []
  const parts: (readonly [string, string | undefined])[] = [
    [`pages/${request.file}`, ''],
    ...table.map((line) => ['filled in', line] as const),
    ['runs', command],
    ...sent.map((body) => ['body', body] as const),
    ['answer', indented(answer?.body.trim())],
    ['stderr', answer?.complaint],
  ]
  const lines = parts.flatMap(([name, text]) => {
    if (text === undefined || (text === '' && !name.startsWith('pages/'))) return []
    return hideTokens(text)
      .split('\n')
      .map((line, index) => `    ${(index === 0 ? name : '').padEnd(9)}  ${line}`.trimEnd())
  })
  return [...lines, '']
}

function indented(text: string | undefined): string | undefined {
  if (!text?.startsWith('{')) return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** Long words are tokens, or parts of one: their beginning tells them apart. */
function hideTokens(text: string): string {
  return text.replaceAll(/[\w-]{40,}(?:\.[\w-]+)*/g, (word) => (SPELLED_OUT.test(word) ? word : `${word.slice(0, 12)}...`))
}

/** Names are long too, but made of words. */
const SPELLED_OUT = /^[a-z]+(?:_[a-z]+)+$/

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
