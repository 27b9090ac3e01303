// Step `secrets`: whether each secret is at its place, looks like one, and is nobody else's to read.
import { stat } from 'node:fs/promises'
import type { World } from '../command.ts'
import { SECRET_WORDS } from '../connection_client.ts'
import type { Profile } from '../profile.ts'
import { SECRET_MEMBERS } from '../profile.ts'
import type { SecretSource } from '../secret_source.ts'
import { describeSource, rawSource } from '../secret_source.ts'
import type { Finding } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

export async function examineSecrets(profile: Profile, world: World): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const member of SECRET_MEMBERS) {
    const source = profile[member]
    if (source === undefined || ('file' in source && source.file === '-')) continue
    findings.push(await examine(source, SECRET_WORDS[member], world))
  }
  const { privateKeyFile } = profile
  if (privateKeyFile !== undefined) findings.push(...(await readableByOthers(privateKeyFile, 'private key')))
  return findings
}

const STEP = 'secrets'

async function examine(source: SecretSource, words: string, world: World): Promise<Finding> {
  const place = describeSource(source)
  let raw: string
  try {
    raw = await rawSource(source, words, world)
  } catch (error) {
    return fail(STEP, `The ${words} cannot be had.`, error instanceof Error ? error.message : 'Look at its place.')
  }
  const slip = SLIPS.find(({ sign }) => sign.test(raw))
  if (slip) return (slip.harmless ? warn : fail)(STEP, `The ${words} from ${place} ${slip.says}.`, slip.mend)
  const [loose] = 'file' in source ? await readableByOthers(source.file, words) : []
  return loose ?? ok(STEP, `The ${words} is in ${place}.`)
}

interface Slip {
  readonly sign: RegExp
  readonly says: string
  readonly mend: string
  /** callsign reads past it. */
  readonly harmless?: boolean
}

/** What copying does to a secret; the first that fits. */
const SLIPS: readonly Slip[] = [
  { sign: /^\s*$/, says: 'is empty', mend: 'Put it there.' },
  {
    sign: /^\ufeff/,
    says: 'begins with an invisible mark (BOM), which is sent along',
    mend: 'Write the file anew as plain UTF-8, without a BOM.',
  },
  {
    sign: /^(["'`]).*\1\s*$/s,
    says: 'has quotes around it, which are sent along',
    mend: 'Take the quotes away, unless the provider gave them too.',
  },
  {
    sign: /(\r?\n){2,}$|^\s|[ \t]\r?\n?$|\r\n?\s+$/,
    says: 'has spaces or empty lines around it, which are sent along',
    mend: "Write it without them: printf %s 'SECRET' > FILE.",
  },
  { sign: /[\r\n]./s, says: 'has several lines', mend: 'Put only the secret there.' },
  {
    sign: /[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00a0\p{Cc}](?!\n?$)/u,
    says: 'has an invisible character in it',
    mend: 'Copy it again from a plain text, or type it.',
  },
  { sign: /%[0-9A-Fa-f]{2}/, says: 'looks percent-encoded', mend: 'Give it decoded: callsign encodes it itself.', harmless: true },
  {
    sign: /\r?\n$/,
    says: 'ends in a line break; callsign takes that off, other programs may not',
    mend: "Write it without one: printf %s 'SECRET' > FILE.",
    harmless: true,
  },
  {
    sign: /^(?:YOUR_|<|\$\{|changeme|xxx)/i,
    says: 'looks like a placeholder',
    mend: 'Put the real one there, unless this is a demo.',
    harmless: true,
  },
]

async function readableByOthers(path: string, words: string): Promise<readonly Finding[]> {
  try {
    const { mode } = await stat(path)
    if (process.platform === 'win32' || (mode & 0o077) === 0) return []
    return [warn(STEP, `Other users of this machine can read the ${words} in ${path}.`, `chmod 600 ${path}`)]
  } catch {
    return [fail(STEP, `The ${words} in ${path} cannot be read.`, 'Name a file that is there and yours.')]
  }
}
