// countersign hash: a secret on standard input, its hash on standard output. The secret is never an argument: others could read it.
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { hashPassword, MAX_PASSWORD_LENGTH } from '../issue/password.ts'
import { secretHash } from '../model/secret_hash.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'

export const command: Command = {
  summary: 'hash a secret for a configuration file',
  usage: `Usage: countersign hash [--password]

Reads a secret from standard input and prints its hash, for { hash: '...' } in a configuration file.

  --password   a person's password: argon2id. Without it a client secret or an API key: SHA-256

Examples:
  openssl rand -base64 32 | tee client.secret | countersign hash`,
  async run(args, io) {
    const { password } = readOptions('hash', args, { password: { type: 'boolean' } })
    const secret = (await readSecret(io)).replace(/\r?\n$/, '')
    if (secret === '') throw new UsageError('Standard input is empty: pipe the secret in, as in `countersign hash < secret.txt`.')
    if (secret.length > MAX_PASSWORD_LENGTH)
      throw new UsageError(`The secret has more than ${MAX_PASSWORD_LENGTH} characters: use a shorter one.`)
    if (/[\r\n]/.test(secret)) throw new UsageError('The secret has several lines: give one line only.')
    if (!password && secret.length < SHORT) io.err(`warning: a secret of fewer than ${SHORT} characters can be guessed from its hash.\n`)
    io.out(`${password ? await hashPassword(secret) : secretHash(secret)}\n`)
    return 0
  },
}

const SHORT = 16

async function readSecret(io: Io): Promise<string> {
  if (!process.stdin.isTTY) return await text(process.stdin)
  io.err('The secret (it is not shown): ')
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    io.err('\n')
  }
}
