// Refresh tokens: each is good once, what was acknowledged stays, and a family that was revoked or replayed is dead.
import type { Evidence, Rule, Seen } from '../seen.ts'

export const refresh: Rule = ({ seen, facts }) => {
  const said: string[] = []
  const chains = Map.groupBy(
    seen.filter(({ chain }) => chain !== undefined),
    ({ chain }) => chain ?? '',
  )
  for (const [chain, all] of chains) {
    said.push(...twice(chain, all), ...lost(chain, all), ...alive(chain, all), ...forgotten(chain, all, facts))
  }
  return said
}

const refreshesOf = (all: readonly Seen[]): Seen[] => all.filter(({ what }) => what === 'refresh')

function twice(chain: string, all: readonly Seen[]): string[] {
  const accepted = refreshesOf(all).filter(({ status }) => status === 200)
  return [...Map.groupBy(accepted, ({ shown }) => shown).values()].flatMap((uses) =>
    uses.length > 1 ? `Chain ${chain}: a refresh token was accepted ${uses.length} times.` : [],
  )
}

/** Refused, although nobody showed that token before and nothing ended its family. */
function lost(chain: string, all: readonly Seen[]): string[] {
  const tries = refreshesOf(all)
  return tries.flatMap((one) => {
    if (one.status !== 400) return []
    const before = tries.filter((other) => other !== one && other.sentAt <= one.answeredAt)
    const isShownBefore = before.some(({ shown }) => shown === one.shown)
    const isReplayed = [...Map.groupBy(before, ({ shown }) => shown).values()].some((uses) => uses.length > 1)
    const isRevoked = all.some(({ what, sentAt }) => what === 'revoke' && sentAt <= one.answeredAt)
    return isShownBefore || isReplayed || isRevoked ? [] : `Chain ${chain}: a refresh token that was given and never shown was refused.`
  })
}

function alive(chain: string, all: readonly Seen[]): string[] {
  const tries = refreshesOf(all)
  /** When both uses of a token were answered, of which one was accepted and the other not. */
  const replays = tries.flatMap((one) => {
    const accepted =
      one.status === 400
        ? tries.find(({ shown, status, sentAt }) => shown === one.shown && status === 200 && sentAt <= one.answeredAt)
        : undefined
    return accepted === undefined ? [] : Math.max(one.answeredAt, accepted.answeredAt)
  })
  const revocations = all.filter(({ what, status }) => what === 'revoke' && status === 200).map(({ answeredAt }) => answeredAt)
  const end = Math.min(...replays, ...revocations)
  return tries.some(({ status, sentAt }) => status === 200 && sentAt > end)
    ? [`Chain ${chain}: a refresh was accepted after the family's end.`]
    : []
}

function forgotten(chain: string, all: readonly Seen[], { refreshTokens, revokedFamilies }: Evidence['facts']): string[] {
  const said: string[] = []
  for (const { what, status, shown = '', gotRefresh } of all) {
    if (status !== 200) continue
    if (gotRefresh !== undefined && !refreshTokens.has(gotRefresh))
      said.push(`Chain ${chain}: the database does not know a refresh token that was given.`)
    if (what === 'refresh' && refreshTokens.get(shown)?.isUsed !== true)
      said.push(`Chain ${chain}: the database says that a refresh token was never used that was.`)
    if (what === 'revoke' && !revokedFamilies.has(refreshTokens.get(shown)?.family ?? ''))
      said.push(`Chain ${chain}: its revocation was acknowledged, and the database does not know.`)
  }
  return said
}
