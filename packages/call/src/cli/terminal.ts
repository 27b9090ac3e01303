// Questions to the person at the terminal; answers that are secrets are not shown. Questions go to standard error, so that standard
// output stays the command's.
import { createInterface } from 'node:readline/promises'
import type { ReadStream } from 'node:tty'
import type { World } from './command.ts'
import { CommandFailed } from './command.ts'

/** Whether somebody is there to be asked. */
export function isTerminal({ stdin, stderr }: World): boolean {
  return isTty(stdin) && 'isTTY' in stderr && stderr.isTTY === true
}

/** One line, without the space around it; the question again while it is empty and there is no other answer. */
export async function ask(question: string, world: World, otherwise?: string): Promise<string> {
  const lines = createInterface({ input: world.stdin, output: world.stderr, terminal: true })
  const stopped = new Promise<never>((_, reject) => {
    lines.once('SIGINT', () => reject(new CommandFailed('Stopped; nothing was changed.')))
    lines.once('close', () => reject(new CommandFailed('Standard input ended; nothing was changed.')))
  })
  stopped.catch(() => undefined)
  try {
    const hint = otherwise === undefined ? '' : ` [${otherwise}]`
    let answer = ''
    while (answer === '') answer = (await Promise.race([lines.question(`${question}${hint}: `), stopped])).trim() || (otherwise ?? '')
    return answer
  } finally {
    lines.close()
  }
}

/** One of the choices, by its number or its name; the first if nothing is said. */
export async function choose<Choice extends string>(
  question: string,
  choices: readonly (readonly [Choice, string])[],
  world: World,
): Promise<Choice> {
  const [first] = choices
  if (!first) throw new CommandFailed('There is nothing to choose from.')
  world.stderr.write(`${question}\n${choices.map(([name, words], index) => `  ${index + 1}) ${name}: ${words}\n`).join('')}`)
  let found: readonly [Choice, string] | undefined
  while (!found) {
    const answer = await ask('Number or name', world, '1')
    found = choices.find(([name], index) => answer === name || answer === String(index + 1))
  }
  return found[0]
}

/** A line that is not shown while it is typed or pasted. */
export async function askSecret(question: string, world: World): Promise<string> {
  const { stdin } = world
  if (!isTty(stdin)) throw new CommandFailed('There is no terminal to ask for a secret.')
  // Before the question: what is typed at once would be shown otherwise.
  stdin.setRawMode(true)
  try {
    world.stderr.write(`${question} (not shown): `)
    return await readHidden(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    world.stderr.write('\n')
  }
}

const MOST_CHARACTERS = 8192

function readHidden(stdin: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (finish: () => void): void => {
      stdin.off('data', onData)
      stdin.off('end', onEnd)
      finish()
    }
    const onEnd = (): void => end(() => reject(new CommandFailed('Standard input ended; nothing was changed.')))
    const onData = (chunk: Buffer | string): void => {
      // Marks that terminals put around a paste.
      for (const char of String(chunk).replaceAll(PASTE_MARKS, '')) {
        if (STOPS.includes(char)) return end(() => reject(new CommandFailed('Stopped; nothing was changed.')))
        const done = ENDS.includes(char)
        if (done && typed !== '') return end(() => resolve(typed))
        if (!done) typed = edited(typed, char)
      }
    }
    stdin.on('data', onData).on('end', onEnd).resume()
  })
}

const PASTE_MARKS = new RegExp(`${String.fromCharCode(27)}\\[20[01]~`, 'g')
const STOPS = ['\u0003', '\u0004']
const ENDS = ['\r', '\n']

/** The keys that terminals themselves edit a line with. */
function edited(typed: string, char: string): string {
  if (char === '\u007f' || char === '\b') return typed.slice(0, -1)
  if (char === '\u0015') return ''
  return char >= ' ' && typed.length < MOST_CHARACTERS ? typed + char : typed
}

function isTty(stream: NodeJS.ReadableStream): stream is ReadStream {
  return 'isTTY' in stream && stream.isTTY === true
}
