// The machine and the process that a file cache runs in: which boot it is, how long ago that was, and who else is alive on it.
import { readFileSync, readlinkSync } from 'node:fs'
import { homedir, hostname, uptime } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

export interface Machine {
  readonly pid: number
  /** Tells this process from a later one with its pid; absent where the system does not say. */
  readonly startedAt: string | undefined
  /** Processes with the same host see each other's pids. Absent where that is not certain: then only a lock's beat counts. */
  readonly host: string | undefined
  /** With the same boot, `uptimeMs` of two processes can be compared. */
  readonly boot: string | undefined
  /** Since that boot, sleep included. */
  readonly uptimeMs: () => number
  /** False only if it is certain that this process has ended. */
  readonly isAlive: (pid: number, startedAt: string | undefined) => boolean
  /** Absent on Windows, which has no such owners. */
  readonly uid: number | undefined
}

export function readMachine(): Machine {
  const boot = process.platform === 'linux' ? readBoot() : undefined
  return {
    pid: process.pid,
    startedAt: readStart(process.pid)?.startedAt,
    host: process.platform === 'linux' ? boot : hostname(),
    boot,
    uptimeMs: () => uptime() * 1000,
    isAlive,
    uid: process.getuid?.(),
  }
}

/** XDG_CACHE_HOME/countersign, or .cache/countersign at home; on Windows below LOCALAPPDATA. */
export function defaultFolder(): string {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env
  // The XDG specification: a relative path is invalid and ignored.
  if (xdg?.startsWith('/')) return join(xdg, 'countersign')
  if (process.platform === 'win32' && local) return join(local, 'countersign', 'cache')
  return join(homedir(), '.cache', 'countersign')
}

/** Containers share a kernel's boot, but neither pids nor, with some, the uptime that is shown: their namespaces tell them apart. */
function readBoot(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')} ${readLink('/proc/self/ns/time')}`
  } catch {
    return undefined
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function isAlive(pid: number, startedAt: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it is there and somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
  const found = readStart(pid)
  if (found === undefined) return true
  // A zombie has ended, and only its parent has not looked.
  return found.state !== 'Z' && found.state !== 'X' && (startedAt === undefined || found.startedAt === startedAt)
}

/** Fields 3 and 22 of /proc/PID/stat; the name in field 2 may hold anything, so they are counted from its last parenthesis. */
function readStart(pid: number): { readonly state: string; readonly startedAt: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state = '', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const startedAt = rest[18]
    return startedAt === undefined ? undefined : { state, startedAt }
  } catch {
    return undefined
  }
}
