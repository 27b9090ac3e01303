// Whether an answer is what its page promises, and what came back in words. The page's own example answer is the measure.
import { isDeepStrictEqual } from 'node:util'
import type { PageRequest } from './page_request.ts'
import type { Answer } from './sender.ts'

export interface Judgement {
  readonly ok: boolean
  /** What came back; of a request that failed, what is wrong. */
  readonly words: string
  /** A remark below the table. */
  readonly note: string | undefined
  /** String members of the answer, for the page's next requests. */
  readonly members: ReadonlyMap<string, string>
}

type Members = Readonly<Record<string, unknown>>

/** The page calls these by a name or shortens them: any value will do, an empty one will not. */
const SECRETS = new Set(['access_token', 'refresh_token'])

export function judge(request: PageRequest, answer: Answer): Judgement {
  if (answer.status === undefined) return failed(lastError(answer.complaint))
  const wanted = request.expects === 'refusal' ? 401 : 200
  const members = asMembers(answer.body)
  if (answer.status !== wanted) return failed(`${wanted} expected: ${reason(members)}`)
  if (!members) return failed('the answer is no JSON object')
  return JUDGES[request.expects](members, request)
}

/** What a request that never went out, or never came back, gets. */
export function failed(words: string): Judgement {
  return { ok: false, words, note: undefined, members: new Map() }
}

type Judge = (members: Members, request: PageRequest) => Judgement

const JUDGES: Readonly<Record<PageRequest['expects'], Judge>> = {
  token(members, request) {
    const { expires_in: lifetime, scope, access_token: token, refresh_token: refresh } = members
    const wrong = unlikeExample(members, request)
    if (wrong) return failed(wrong)
    if (!isWord(token)) return failed('access_token is missing')
    if (typeof lifetime !== 'number' || lifetime <= 0) return failed('expires_in is no number of seconds')
    const words = ['token', `${lifetime} s`, isWord(scope) && `scope ${scope}`, isWord(refresh) && !isWord(scope) && 'with a refresh token']
    return passed(members, request, words.filter((word) => word !== false).join(', '))
  },
  metadata(members, request) {
    const wrong = unlikeExample(members, request)
    if (wrong) return failed(wrong)
    const { issuer, authorization_endpoint: authorization, token_endpoint: token } = members
    if (!isWord(issuer) || !request.snippet.includes(`${issuer}/.well-known/`)) return failed('issuer is not what its URL says')
    if (!isWord(token) || !token.startsWith(`${issuer}/`)) return failed('token_endpoint is not at the issuer')
    if (!isWord(authorization)) return failed('authorization_endpoint is missing')
    return passed(members, request, `issuer ${issuer}`)
  },
  api(members, request) {
    const headers = typeof members['headers'] === 'object' && members['headers'] !== null ? (members['headers'] as Members) : {}
    const client = headers['x-countersign-client']
    if (client !== request.client) return failed(`the API heard of client ${String(client)} instead of ${request.client}`)
    return passed({}, request, `the API heard of client ${shortened(request.client ?? '')}`)
  },
  refusal: (members, request) => passed({}, request, `refused, as the page says: ${reason(members)}`),
}

function passed(members: Members, request: PageRequest, words: string): Judgement {
  const strings = Object.entries(members).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { ok: true, words, note: noteOf(members, request), members: new Map(strings) }
}

/** What is not as in the page's example, in words; undefined if all is. */
function unlikeExample(members: Members, { example, differs }: PageRequest): string | undefined {
  for (const [name, value] of Object.entries(asMembers(example ?? '{}') ?? {})) {
    const got = members[name]
    if (got === undefined) return `${name} is missing`
    if (SECRETS.has(name) ? isWord(got) : differs.includes(name) || isDeepStrictEqual(got, value)) continue
    return SECRETS.has(name) ? `${name} is empty` : `${name} is ${JSON.stringify(got)}, the page has ${JSON.stringify(value)}`
  }
  return undefined
}

function noteOf(members: Members, { example, differs, printed }: PageRequest): string | undefined {
  if (!printed) return 'The page describes this request in words and prints none: the header is as it says.'
  const shown = asMembers(example ?? '{}') ?? {}
  const others = differs.filter((name) => !isDeepStrictEqual(members[name], shown[name]))
  if (others.length === 0) return undefined
  return others.map((name) => `${name} is ${JSON.stringify(members[name])}; the page shows ${JSON.stringify(shown[name])}.`).join(' ')
}

/** curl says it in one line; Node prints the error, its stack, and the cause that matters last. */
function lastError(complaint: string): string {
  const lines = complaint.split('\n').map((line) => line.replace('[cause]:', '').trim())
  return [lines.findLast((line) => /^\w*Error\b[^:]*: /.test(line)), lines[0]].find(isWord) ?? 'no answer came'
}

function reason(members: Members | undefined): string {
  const { error, error_description: description, title } = members ?? {}
  return [title, description, error].find(isWord) ?? 'no reason was given'
}

function asMembers(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
  } catch {
    return undefined
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function shortened(text: string): string {
  return text.length > 24 ? `${text.slice(0, 8)}...` : text
}
