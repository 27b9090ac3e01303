// What `serve` prints once it answers: where it listens, what it keeps, and what to paste to try it.
import { styleText } from 'node:util'
import { compile } from '@countersign/protocol/dialect/compile'
import type { Configuration, RealmSetup } from '../model/configuration.ts'
import { placeOf } from '../model/database.ts'
import { DEMO_LINES } from './demo_lines.ts'

export interface BannerFacts {
  readonly version: string
  readonly demo: boolean
  readonly configuration: Configuration
  readonly managementUrl: string
  readonly colour: boolean
}

const MOST_REALMS = 12

export function banner({ version, demo, configuration, managementUrl, colour }: BannerFacts): string {
  const bold = (text: string): string => (colour ? styleText('bold', text, { validateStream: false }) : text)
  const dim = (text: string): string => (colour ? styleText('dim', text, { validateStream: false }) : text)
  const { database, listen, realms } = configuration
  const head = [
    '',
    bold(`Countersign ${version}${demo ? ', the demo' : ''}`),
    '',
    `  public       ${listen.publicUrl}`,
    `  management   ${managementUrl}   ${dim('/health/live  /health/ready  /metrics')}`,
    `  state        ${stateOf(database, demo)}`,
    ...(listen.workers > 1 ? [`  workers      ${listen.workers}`] : []),
    '',
  ]
  const body = demo ? demoBody(listen.publicUrl, bold, dim) : realmBody(realms, configuration, bold)
  return `${[...head, ...body, dim('Ctrl-C stops it.')].join('\n')}\n`
}

function stateOf(database: Configuration['database'], demo: boolean): string {
  if (database.kind === 'sqlite') return database.folder
  if (database.kind === 'postgres') return placeOf(database.server)
  return `in memory: it is gone when this ends${demo ? '' : ' (--data DIR or --database URL keeps it)'}`
}

type Style = (text: string) => string

function demoBody(publicUrl: string, bold: Style, dim: Style): string[] {
  const blocks = DEMO_LINES.map(({ realm, about, token, api }) => [
    `${bold(realm)}   ${dim(about)}`,
    ...token(publicUrl).map((line) => `  ${line}`),
    ...api(publicUrl).map((line) => `  ${line}`),
    '',
  ])
  return ["For each realm: ask for a token, then call its guarded API with the token in TOKEN's place.", '', ...blocks.flat()]
}

function realmBody(setups: readonly RealmSetup[], { listen, apis }: Configuration, bold: Style): string[] {
  const shown = setups.slice(0, MOST_REALMS).flatMap(({ realm }) => {
    const dialect = realm.dialects[0] && compile(realm.dialects[0])
    const guarded = apis.filter((api) => api.realmId === realm.id)
    return [
      bold(realm.id),
      `  token        ${listen.publicUrl}${dialect?.paths('token', realm.id, false)[0] ?? ''}`,
      ...guarded.map((api) => `  guarded API  ${listen.publicUrl}${api.prefix}/...`),
      '',
    ]
  })
  const rest = setups.length - MOST_REALMS
  return rest > 0 ? [...shown, `and ${rest} more realms`, ''] : shown
}
