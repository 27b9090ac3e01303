// The keychain of the operating system, through the program that comes with it: `secret-tool` (libsecret) on Linux, `security` on
// macOS. Secrets travel on standard input and output, never as arguments.
import type { World } from './command.ts'
import { CommandFailed } from './command.ts'
import type { ProgramResult } from './run_program.ts'
import { childEnvironment, runProgram } from './run_program.ts'

/** @returns undefined if there is no entry of that name. @throws CommandFailed */
export async function lookUp(account: string, world: World): Promise<string | undefined> {
  const result = await run(toolOf(world).lookUp(account), undefined, world)
  if (result.code !== 0) return undefined
  const text = result.out.toString('utf8').replace(/\r?\n$/, '')
  return text === '' ? undefined : text
}

/** Puts a secret in place of an earlier one. @throws CommandFailed */
export async function store(account: string, secret: string, world: World): Promise<void> {
  if (Buffer.byteLength(secret) > MOST_BYTES)
    throw new CommandFailed(`The keychain takes ${MOST_BYTES} bytes at most: keep this secret in a file.`)
  const { words, input } = toolOf(world).store(account, secret)
  await run(words, input, world)
  // `security -i` tells no failure by its exit code.
  if ((await lookUp(account, world)) !== secret) {
    throw new CommandFailed('The keychain did not keep the secret: unlock it, or choose --store file.')
  }
}

/** Nothing there is as good as forgotten. @throws CommandFailed */
export async function forget(account: string, world: World): Promise<void> {
  await run(toolOf(world).forget(account), undefined, world)
}

/** Whether there is a keychain here that answers. */
export async function hasKeychain(world: World): Promise<boolean> {
  const tool = TOOLS[world.platform]
  if (!tool) return false
  const result = await runProgram(tool.lookUp('callsign-is-it-there'), {
    env: childEnvironment(world.env),
    timeoutMs: 3000,
    maxBytes: LIMIT,
  })
  // Locked away or without a session it ends with an error and takes its time; "no such entry" is 1 for secret-tool, 44 for security.
  return result.ended === 'exit' && (result.code === 0 || result.code === tool.noEntry)
}

const SERVICE = 'countersign'
const MOST_BYTES = 1800
const LIMIT = 64 * 1024
/** A person may have to unlock it. */
const TIMEOUT_MS = 60_000

interface Tool {
  readonly noEntry: number
  readonly lookUp: (account: string) => readonly string[]
  readonly store: (account: string, secret: string) => { readonly words: readonly string[]; readonly input: string }
  readonly forget: (account: string) => readonly string[]
  readonly absent: string
}

const TOOLS: Readonly<Record<string, Tool>> = {
  linux: {
    noEntry: 1,
    lookUp: (account) => ['secret-tool', 'lookup', 'service', SERVICE, 'account', account],
    store: (account, secret) => ({
      words: ['secret-tool', 'store', `--label=callsign: ${account}`, 'service', SERVICE, 'account', account],
      input: secret,
    }),
    forget: (account) => ['secret-tool', 'clear', 'service', SERVICE, 'account', account],
    absent: 'install libsecret-tools, or keep the secret in a file (--client-secret-file) or a command (--client-secret-command)',
  },
  darwin: {
    noEntry: 44,
    lookUp: (account) => ['security', 'find-generic-password', '-s', SERVICE, '-a', account, '-w'],
    // Its interactive mode reads commands from standard input, so that the secret, in hexadecimal, is in no argument.
    store: (account, secret) => ({
      words: ['security', '-i'],
      input: `add-generic-password -U -s ${SERVICE} -a ${account} -X ${Buffer.from(secret).toString('hex')}\n`,
    }),
    forget: (account) => ['security', 'delete-generic-password', '-s', SERVICE, '-a', account],
    absent: 'it belongs to macOS: check the PATH',
  },
}

function toolOf({ platform }: World): Tool {
  const tool = TOOLS[platform]
  if (!tool) throw new CommandFailed('callsign knows no keychain of this system: keep the secret in a file or behind a command.')
  return tool
}

async function run(words: readonly string[], input: string | undefined, world: World): Promise<Extract<ProgramResult, { ended: 'exit' }>> {
  const limits = { timeoutMs: TIMEOUT_MS, maxBytes: LIMIT }
  const result = await runProgram(words, { env: childEnvironment(world.env), ...limits, ...(input === undefined ? {} : { input }) })
  if (result.ended === 'exit') return result
  if (result.ended === 'missing')
    throw new CommandFailed(`The keychain needs the program ${words[0]}, which is not here: ${toolOf(world).absent}.`)
  throw new CommandFailed(`The keychain did not answer through ${words[0]}: unlock it, or keep the secret in a file.`)
}
