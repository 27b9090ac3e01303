// What may be named only at a few places: clock, randomness, environment, fetch, drivers, framework. Data; laws.ts applies it.
import type { Reservation } from './laws.ts'

/** Where the program meets the world: clock, randomness, environment and network are parameters everywhere else. */
export const EDGE: readonly RegExp[] = [
  /^packages\/server\/src\/(?:config|server|cli)\//,
  /^packages\/call\/src\/cli\//,
  /^packages\/call\/src\/.*_env\.ts$/,
]

/** Entries of the published packages, which give these parameters their defaults. Nothing else may. */
const DEFAULTS: readonly RegExp[] = [/^packages\/call\/src\/client\.ts$/, /^packages\/guard\/src\/guard\.ts$/]

const ANYWHERE = /^packages\/[^/]+\/src\//

export const RESERVED: readonly Reservation[] = [
  {
    what: 'A node: module',
    specifier: /^node:/,
    within: /^packages\/protocol\/src\//,
    allowed: [/^packages\/protocol\/src\/jose\//],
    law: 'in protocol only jose/ may import one.',
  },
  {
    what: 'A node: module',
    specifier: /^node:/,
    within: /^packages\/call\/src\//,
    allowed: [/^packages\/call\/src\/(?:cli|sidecar)\//, /_file\.ts$/, /_env\.ts$/, /_command\.ts$/],
    law: 'in call only cli/, sidecar/, *_file.ts, *_env.ts and *_command.ts may import one: the rest runs in any JavaScript.',
  },
  {
    what: "The driver 'pg'",
    specifier: /^pg(?:$|[/-])/,
    within: ANYWHERE,
    allowed: [/^packages\/server\/src\/store\/adapters\/postgres\.ts$/],
    law: 'only store/adapters/postgres.ts may import it.',
  },
  {
    what: "The driver 'node:sqlite'",
    specifier: /^node:sqlite$/,
    within: ANYWHERE,
    allowed: [/^packages\/server\/src\/store\/adapters\/sqlite\.ts$/],
    law: 'only store/adapters/sqlite.ts may import it.',
  },
  {
    what: 'A web framework',
    specifier: /^(?:express|@?fastify)(?:$|[/-])/,
    within: ANYWHERE,
    allowed: [],
    law: 'the server has none (docs/decisions/0003), and the guard types those of others by their structure.',
  },
  {
    what: 'The clock',
    code: /(?<![\w$])(?:Date\s*\.\s*now\b|new\s+Date\s*(?:\(\s*\)|(?![\s\w$(.<]))|performance\s*\.\s*now\b|Temporal\s*\.\s*Now\b)/,
    within: ANYWHERE,
    allowed: [...EDGE, ...DEFAULTS],
    law: 'time is a parameter below config/, server/ and cli/.',
  },
  {
    what: 'Randomness',
    code: /(?<![\w$])(?:Math\s*\.\s*random|randomBytes|randomUUID|randomUUIDv7|randomInt|randomFill|randomFillSync|getRandomValues)\b/,
    within: ANYWHERE,
    // A salt is nobody's decision and no test's: the one draw of randomness that need not be handed in.
    allowed: [...EDGE, ...DEFAULTS, /^packages\/server\/src\/issue\/password\.ts$/],
    law: 'randomness is a parameter below config/, server/ and cli/.',
  },
  {
    what: 'The process or its environment',
    code: /(?<![.\w$])(?:globalThis\s*\.\s*)?process\s*(?:\?\.|[.[])/,
    within: ANYWHERE,
    allowed: EDGE,
    law: 'the environment is a parameter below config/, server/ and cli/.',
  },
  {
    what: "The module 'node:process'",
    specifier: /^(?:node:)?process$/,
    within: ANYWHERE,
    allowed: EDGE,
    law: 'the environment is a parameter below config/, server/ and cli/.',
  },
  {
    // The linter sees the bare global, which a parameter of that name hides; only the spelled-out form is left to find here.
    what: 'The global fetch',
    code: /(?<!typeof\s+)(?<![\w$])globalThis\s*(?:\.\s*fetch\b|\[)/,
    within: ANYWHERE,
    allowed: [...EDGE, ...DEFAULTS],
    law: 'fetch is a parameter below config/, server/ and cli/.',
  },
]
