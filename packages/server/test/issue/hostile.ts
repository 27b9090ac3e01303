// What the hostile tests share: a realm to attack, a canary to look for in the answer, and what a good refusal is.
import assert from 'node:assert/strict'
import { TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'

export const FORM = 'application/x-www-form-urlencoded'
export const WILLBA = TOKEN_PATHS.willba
export const WEBCOMMANDER = TOKEN_PATHS.webcommander
/** In every request that may be echoed. */
export const CANARY = 'kAnArY-7f3a9c'
/** One sentence in the character set of error_description. */
export const SENTENCE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{8,300}$/
/** A form body that gets a token of willba. */
export const GOOD = new URLSearchParams(TOKEN_REQUESTS.willba).toString()
export const BAD_REQUEST = { invalid_request: 400 }

/** That it refuses with one of the codes, each with its status, in one sentence and without the canary. */
export function assertRefusal(
  answer: { readonly status: number; readonly text: string; readonly json: Record<string, unknown> },
  allowed: Readonly<Record<string, number>>,
  what: string,
): void {
  const error = String(answer.json['error'])
  assert.equal(allowed[error], answer.status, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`)
  assert.match(String(answer.json['error_description']), SENTENCE, what)
  assert.ok(!answer.text.includes(CANARY), `${what} is echoed`)
}
