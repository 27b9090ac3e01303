// One other program, run without a shell: timed, its output bounded, what it must know written to its standard input. Nothing secret
// goes into its arguments or its environment.
import { spawn } from 'node:child_process'

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Written to its standard input; without it there is none. */
  readonly input?: string
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Whether its complaints are shown to the person at the terminal. */
  readonly showErrors?: boolean
}

export type ProgramResult =
  | { readonly ended: 'missing' | 'timeout' | 'too_much' | 'unstartable' }
  | { readonly ended: 'exit'; readonly code: number; readonly out: Buffer }

/** @param words program and arguments; the program is looked for on the PATH of `env`. */
export function runProgram(words: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const [program = '', ...args] = words
  const { env, input, timeoutMs, maxBytes, showErrors = false } = options
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...env },
      shell: false,
      windowsHide: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', showErrors ? 'inherit' : 'ignore'],
    })
    const chunks: Buffer[] = []
    let length = 0
    // Whatever it started itself may keep its output open, so its end is not waited for once it is killed.
    const end = (result: ProgramResult): void => {
      clearTimeout(timer)
      if (result.ended === 'timeout' || result.ended === 'too_much') child.kill('SIGKILL')
      child.stdout?.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => end({ ended: 'timeout' }), timeoutMs)
    child.on('error', (error: NodeJS.ErrnoException) => end({ ended: error.code === 'ENOENT' ? 'missing' : 'unstartable' }))
    child.on('close', (code) => end({ ended: 'exit', code: code ?? 1, out: Buffer.concat(chunks) }))
    child.stdout?.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) end({ ended: 'too_much' })
      else chunks.push(chunk)
    })
    child.stdin?.on('error', () => undefined).end(input)
  })
}

/** What a child may know of our environment: everything but what belongs to callsign and the variables that hold secrets. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  secretNames: readonly string[] = [],
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('CALLSIGN_') && !secretNames.includes(name)))
}
