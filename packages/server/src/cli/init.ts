// countersign init: writes a first configuration with credentials of its own, hashed, and shows their plain text once.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { extname, relative, resolve } from 'node:path'
import { makeApiKey, makeCredential } from '@countersign/protocol/oauth/credential'
import { secretHash } from '../model/secret_hash.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { randomKeyId } from './new_api_key.ts'
import type { FirstCredentials } from './starter.ts'
import { starterJson, starterTypeScript } from './starter.ts'

export const command: Command = {
  summary: 'write a first configuration',
  usage: `Usage: countersign init [--file FILE] [--force]

Writes a configuration with one realm, one client and one guarded API. The client's secret and API key are made here,
shown once, and stored as hashes only.

  --file FILE   where to: .ts (default: countersign.config.ts), .mts, .js, .mjs or .json
  --force       replace a file that is there

Examples:
  countersign init --file countersign.json`,
  async run(args, io) {
    const { file = 'countersign.config.ts', force = false } = readOptions('init', args, {
      file: { type: 'string' },
      force: { type: 'boolean' },
    })
    const starter = STARTERS[extname(file)]
    if (!starter) throw new UsageError(`The file ${file} must end in ${Object.keys(STARTERS).join(', ')}: choose another name with --file.`)
    const secret = makeCredential('secret', randomBytes(32))
    const apiKeyId = randomKeyId()
    const key = makeApiKey(apiKeyId, randomBytes(32))
    await write(file, starter({ secretHash: secretHash(secret), apiKeyId, apiKeyHash: secretHash(key) }), force)
    io.out(report(file, secret, key, program(io.env)))
    return 0
  },
}

const STARTERS: Readonly<Record<string, (credentials: FirstCredentials) => string>> = {
  '.ts': (credentials) => starterTypeScript(credentials, true),
  '.mts': (credentials) => starterTypeScript(credentials, true),
  '.js': (credentials) => starterTypeScript(credentials, false),
  '.mjs': (credentials) => starterTypeScript(credentials, false),
  '.json': starterJson,
}

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(resolve(file), text, { flag: force ? 'w' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'EEXIST')
      throw new UsageError(`The file ${file} is there already: choose another with --file, or replace it with --force.`)
    throw new UsageError(`The file ${file} cannot be written (${code || 'unknown reason'}): choose another with --file.`)
  }
}

function report(file: string, secret: string, key: string, called: string): string {
  const width = 'client secret'.length + 3
  const row = (name: string, value: string): string => `  ${name.padEnd(width)}${value}`
  return `${[
    `${file} is written. It holds hashes only: what follows is shown once.`,
    '',
    row('client id', 'first-client'),
    row('client secret', secret),
    row('API key', key),
    '',
    'Start it, and ask for a first token:',
    '',
    `  ${called} serve --config ${quoted(file)}`,
    `  curl http://127.0.0.1:8080/realms/main/oauth2/token -u first-client:${secret} -d grant_type=client_credentials`,
  ].join('\n')}\n`
}

/** How this program was called, so that the line can be pasted: as npm's script, from source, or by its name. */
function program(env: Io['env']): string {
  if (env['npm_lifecycle_event'] === 'countersign') return 'npm run countersign --'
  const script = process.argv[1] ?? ''
  if (!/\.(?:ts|mjs)$/.test(script)) return 'countersign'
  const here = (path: string): string => quoted(relative('', path).startsWith('..') ? path : relative('', path))
  return `${here(process.execPath)} -C source ${here(script)}`
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
