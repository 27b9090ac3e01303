// Stand-ins for `secret-tool` and `security`, so that tests have a keychain: they keep entries in a folder and write down how they were
// called, arguments and environment both.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { folder } from './callsign_process.ts'

export interface FakeKeychain {
  /** To be put in front of the PATH. */
  readonly bin: string
  readonly entries: {
    readonly get: (account: string) => Promise<string | undefined>
    readonly set: (account: string, secret: string) => Promise<void>
  }
  readonly calls: () => Promise<string>
  readonly environments: () => Promise<string>
}

const program = (name: string, place: string, work: string): string => `#!${process.execPath}
const fs = require('node:fs')
const args = process.argv.slice(2)
fs.appendFileSync('${place}/calls', ['${name}', ...args].join(' ') + '\\n')
fs.appendFileSync('${place}/environments', JSON.stringify(process.env) + '\\n')
const file = (account) => '${place}/entries/' + encodeURIComponent(account)
const show = (account, none) => { if (!fs.existsSync(file(account))) process.exit(none); process.stdout.write(fs.readFileSync(file(account))) }
${work}
`

const SECRET_TOOL = `
const account = args[args.indexOf('account') + 1]
if (args[0] === 'lookup') show(account, 1)
if (args[0] === 'store') fs.writeFileSync(file(account), fs.readFileSync(0))
if (args[0] === 'clear') fs.rmSync(file(account), { force: true })
`

const SECURITY = `
if (args[0] === 'find-generic-password') show(args[args.indexOf('-a') + 1], 44)
if (args[0] === 'delete-generic-password') fs.rmSync(file(args[args.indexOf('-a') + 1]), { force: true })
if (args[0] === '-i') {
  const words = fs.readFileSync(0, 'utf8').trim().split(' ')
  fs.writeFileSync(file(words[words.indexOf('-a') + 1]), Buffer.from(words[words.indexOf('-X') + 1], 'hex'))
}
`

export async function installKeychain(t: TestContext): Promise<FakeKeychain> {
  const bin = await folder(t)
  const file = (account: string): string => join(bin, 'entries', encodeURIComponent(account))
  await mkdir(join(bin, 'entries'))
  await writeFile(join(bin, 'secret-tool'), program('secret-tool', bin, SECRET_TOOL), { mode: 0o755 })
  await writeFile(join(bin, 'security'), program('security', bin, SECURITY), { mode: 0o755 })
  const text = (name: string): Promise<string> => readFile(join(bin, name), 'utf8').catch(() => '')
  return {
    bin,
    entries: {
      get: (account) => readFile(file(account), 'utf8').catch(() => undefined),
      set: (account, secret) => writeFile(file(account), secret),
    },
    calls: () => text('calls'),
    environments: () => text('environments'),
  }
}
