// What is left of the token budget, asked of the server's usage page where there is one: it costs no token.
import { parseBody } from '@countersign/protocol/dialect/codec/token_response'
import type { Budget, Quota } from './budget.ts'
import { budgetOfUsage, quotaOf } from './budget.ts'
import type { Provider } from './provider.ts'
import type { TokenSource } from './token_source.ts'

/** What the page says; undefined if none is known, or it tells of no budget. @throws TokenRequestFailed, DiscoveryFailed */
export async function askUsage(url: URL | undefined, { post }: Pick<Provider, 'post'>, now: () => number): Promise<Budget | undefined> {
  if (!url) return undefined
  const { body } = await post(url, new Map())
  return budgetOfUsage(parseBody(body), now())
}

/** The page's word, else what the last token answer said. @throws as `askUsage`, if nothing was told before */
export async function tellQuota(
  source: Pick<TokenSource, 'budget' | 'hear'>,
  ask: () => Promise<Budget | undefined>,
  now: () => number,
): Promise<Quota | undefined> {
  const known = await source.budget()
  try {
    const told = await ask()
    if (told) {
      await source.hear({ ...known, ...told })
      return quotaOf(told, 'usage', now())
    }
  } catch (error) {
    if (!known) throw error
  }
  return quotaOf(known, 'fields', now())
}
