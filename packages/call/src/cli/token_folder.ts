// The folder of tokens that all commands of a user share, so that one token serves a loop in a shell script.
import { isAbsolute, join } from 'node:path'
import { defaultFolder } from '../caches/machine_env.ts'
import { createFileCache } from '../caches/token_file.ts'
import type { TokenCache } from '../token_cache.ts'
import type { World } from './command.ts'

/** The library's own place, so that programs share it too. */
export function tokenFolder({ env, platform }: Pick<World, 'env' | 'platform'>): string {
  const { XDG_CACHE_HOME: xdg, HOME: home } = env
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'countersign')
  return home === undefined || home === '' || platform === 'win32' ? defaultFolder() : join(home, '.cache', 'countersign')
}

export function tokenFolderCache(world: World): TokenCache {
  let warned = false
  return createFileCache({
    folder: tokenFolder(world),
    onTrouble(error) {
      if (!warned) world.stderr.write(`callsign: tokens cannot be kept: ${error.message}\n`)
      warned = true
    },
  })
}

/** The same cache, but what it held before counts as ended, so that a new token is asked for; its refresh token still helps. */
export function renewing(cache: TokenCache): TokenCache {
  const ended = { renewAt: Number.NEGATIVE_INFINITY, waitAt: Number.NEGATIVE_INFINITY, endsAt: Number.NEGATIVE_INFINITY }
  let renewed = false
  return {
    ...cache,
    async get(key) {
      const held = await cache.get(key)
      return held === undefined || renewed ? held : { ...held, freshness: ended }
    },
    async set(key, held) {
      renewed = true
      await cache.set(key, held)
    },
  }
}

/** A new token whatever is remembered of earlier failures: somebody looks for their reason. */
export function unbiased(cache: TokenCache): TokenCache {
  return {
    ...renewing(cache),
    recall: () => undefined,
    // What was not looked at is not forgotten either: the budget above all.
    remember: async (key, remembered) => cache.remember?.(key, { ...(await cache.recall?.(key)), ...remembered }),
  }
}
