// Whether the time of a refusal tells that a name exists: a known and an unknown one in turns, over one connection.
import type { Target } from '../report.ts'
import { progress, say, table } from '../report.ts'
import { CLIENT_ID } from '../servers/asked.ts'
import { median } from '../statistics.ts'
import type { Asked } from './conversation.ts'
import { converse } from './conversation.ts'
import { userName, wrongPassword, wrongSecret } from './place.ts'

export interface NamesRow {
  readonly name: string
  readonly knownMs: number
  readonly unknownMs: number
}

interface Pair {
  readonly name: string
  readonly times: number
  readonly status: number
  readonly known: (n: number) => Asked
  readonly unknown: (n: number) => Asked
}

/** Close enough: a share, or where that is less than a network's own noise, so many milliseconds. */
const SHARE = 0.05
const ENOUGH_MS = 1

export async function measureNames(
  origin: string,
  times: { clients: number; users: number },
): Promise<{ rows: NamesRow[]; targets: Target[] }> {
  const stranger = CLIENT_ID.split('').reverse().join('')
  const pairs: readonly Pair[] = [
    { name: 'client', times: times.clients, status: 401, known: () => wrongSecret(CLIENT_ID), unknown: () => wrongSecret(stranger) },
    {
      name: 'user',
      times: times.users,
      status: 400,
      known: (n) => wrongPassword(userName(n)),
      unknown: (n) => wrongPassword(userName(n).replace('user', 'resu')),
    },
  ]
  const rows: NamesRow[] = []
  for (const pair of pairs) rows.push(await compare(origin, pair))
  say('\nA refusal of a name that there is, and of one that there is not, in turns')
  say(
    table(
      ['', 'known ms', 'unknown ms', 'apart ms'],
      rows.map((row) => [row.name, row.knownMs, row.unknownMs, apart(row)]),
    ),
  )
  const targets = rows.map(
    (row): Target => ({
      what: `known and unknown ${row.name} apart`,
      measured: apart(row),
      unit: ' ms',
      bound: Math.max(ENOUGH_MS, SHARE * row.unknownMs),
      sense: 'at most',
    }),
  )
  return { rows, targets }
}

const apart = ({ knownMs, unknownMs }: NamesRow): number => Math.abs(knownMs - unknownMs)

async function compare(origin: string, { name, times, status, known, unknown }: Pair): Promise<NamesRow> {
  progress(`names: ${name}`)
  const conversation = converse(origin)
  const took: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] }
  const ask = async (which: 'known' | 'unknown', asked: Asked): Promise<void> => {
    const told = await conversation.ask(asked)
    // One that waits, or that gets in, would be another comparison.
    if (told.status !== status) throw new Error(`a wrong ${name} is answered with ${told.status}: ${told.text}`)
    took[which].push(told.ms)
  }
  for (let n = 0; n < times; n++) {
    // The first of two may wait for what the one before left behind.
    if (n % 2 === 0) await ask('known', known(n))
    await ask('unknown', unknown(n))
    if (n % 2 === 1) await ask('known', known(n))
  }
  conversation.close()
  return { name, knownMs: median(took.known), unknownMs: median(took.unknown) }
}
