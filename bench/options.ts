// The command line of the benchmark.
import { parseArgs } from 'node:util'

export const SECTIONS = [
  'issuance',
  'verification',
  'startup',
  'ledger',
  'guard-plan',
  'gateway',
  'forward-auth',
  'call',
  'scale',
  'workers',
  'hostile',
] as const
export type Section = (typeof SECTIONS)[number]

export interface BenchOptions {
  /** Half a minute instead of minutes: for a first look, not for a figure to quote. */
  readonly quick: boolean
  readonly sections: readonly Section[]
  /** Where the figures go as JSON, if anywhere. */
  readonly json: string | undefined
}

export const USAGE = `Usage: npm run bench -- [OPTIONS]

  --quick        about 4 minutes instead of 20
  --only NAME    ${SECTIONS.join(', ')}; may come several times
  --json FILE    write every figure there as well`

/** @throws Error with one sentence for an option that is unknown or misused */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const chosen = values.only.map((name) => {
    const section = SECTIONS.find((one) => one === name)
    if (section === undefined) throw new Error(`There is no section '${name}': the sections are ${SECTIONS.join(', ')}.`)
    return section
  })
  return { quick: values.quick, sections: chosen.length > 0 ? chosen : SECTIONS, json: values.json }
}
