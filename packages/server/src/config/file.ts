// Reads a configuration file, TypeScript, JavaScript or JSON, into a value that nobody has checked yet.
import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseStrictJson, StrictJsonError } from '@countersign/protocol/oauth/strict_json'
import { ConfigError } from './error.ts'
import { whyUnreadable } from './secret.ts'

const MODULES = ['.ts', '.mts', '.js', '.mjs']
const MAX_BYTES = 64 * 1024 * 1024

/** @throws ConfigError in one line */
export async function readConfigFile(name: string): Promise<unknown> {
  const file = resolve(name)
  const text = await readText(file)
  const kind = extname(file)
  if (kind === '.json') return readJson(text, file)
  if (MODULES.includes(kind)) return await readModule(file)
  throw new ConfigError([`The configuration file ${file} must end in .json or in one of ${MODULES.join(', ')}.`])
}

async function readText(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8')
    if (text.length <= MAX_BYTES) return text
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    const mend = absent ? ': name another one with --config, or make one with `countersign init`' : ''
    throw new ConfigError([`The configuration file ${file} ${whyUnreadable(error)}${mend}.`])
  }
  throw new ConfigError([`The configuration file ${file} has more than ${MAX_BYTES} characters.`])
}

function readJson(text: string, file: string): unknown {
  try {
    return parseStrictJson(text.replace(/^\uFEFF/, ''), { maxDepth: 32, maxMembers: 5_000_000 })
  } catch (error) {
    if (!(error instanceof StrictJsonError)) throw error
    throw new ConfigError([`The configuration file ${file} cannot be read${placeOfMistake(text)}: ${lowerFirst(error.message)}`])
  }
}

/** ` at line 3`: the parser's own message would quote the text, which may hold a secret pasted by mistake. */
function placeOfMistake(text: string): string {
  try {
    JSON.parse(text)
    return ''
  } catch (error) {
    const line = error instanceof Error ? /line ([0-9]+)/.exec(error.message)?.[1] : undefined
    return line === undefined ? '' : ` at line ${line}`
  }
}

async function readModule(file: string): Promise<unknown> {
  const loaded = await load(file)
  if (typeof loaded === 'object' && loaded !== null && 'default' in loaded) return loaded.default
  throw new ConfigError([`The configuration file ${file} exports no default: end it with \`export default { realms: [...] }\`.`])
}

async function load(file: string): Promise<unknown> {
  const emitWarning = process.emitWarning.bind(process)
  // Node advises to write `"type": "module"` into the folder's package.json: nothing an operator of ours must do.
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!JSON.stringify(rest).includes('MODULE_TYPELESS_PACKAGE_JSON')) emitWarning(warning, ...rest)
  }
  try {
    return await import(pathToFileURL(file).href)
  } catch (error) {
    // The operator's own program failed: its first line says where, and there is nothing of ours in its stack.
    const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'it threw something that is no error'
    throw new ConfigError([`The configuration file ${file} cannot be loaded: ${why.replace(/\.$/, '')}.`])
  } finally {
    process.emitWarning = emitWarning
  }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}
