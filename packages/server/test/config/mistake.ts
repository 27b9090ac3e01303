// Configurations with one thing wrong, and what the operator is told of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/error.ts'
import { secretHash } from '../../src/model/secret_hash.ts'

export type Part = Record<string, unknown>

export const SECRET = { hash: secretHash('a secret of this test, and long enough') }

export const client = (changes: Part = {}): Part => ({ clientId: 'desk', secret: SECRET, ...changes })
export const realm = (changes: Part = {}): Part => ({
  id: 'shop',
  scopes: ['read'],
  audiences: ['orders'],
  clients: [client()],
  ...changes,
})
export const one = (changes: Part): Part => ({ realms: [realm(changes)] })
export const withClient = (changes: Part): Part => one({ clients: [client(changes)] })

/** What is wrong, the configuration, how its only sentence begins, and the environment it is read in. */
export type Mistake = readonly [what: string, input: unknown, sentence: string, env?: Record<string, string>]

export async function linesOf(input: unknown, env: Record<string, string> = {}): Promise<readonly string[]> {
  try {
    await loadConfiguration({ input, env })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.lines
    throw error
  }
}

/** One test for each. */
export function refuseEach(mistakes: readonly Mistake[]): void {
  for (const [what, input, sentence, env] of mistakes) {
    test(`a configuration with ${what} is refused in one sentence that names the place`, async () => {
      const lines = await linesOf(input, env)
      assert.equal(lines.length, 1, lines.join('\n'))
      assert.equal(lines[0]?.slice(0, sentence.length), sentence)
      assert.match(lines[0] ?? '', /^[^\n]+\.$/)
    })
  }
}
