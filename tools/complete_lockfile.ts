// Completes package-lock.json after a dependency was added on a machine whose npm mirror lacks other platforms' binaries.
// npm then leaves those optional packages out of the lockfile, and a later `npm ci` calls it out of sync. Each left-out one is
// entered with its exact version and its platform, read from its name; the hash is filled in by npm where the package can be had.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface Entry {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
interface Platform {
  readonly os: readonly string[]
  readonly cpu: readonly string[]
  readonly libc?: readonly string[]
}

const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const PROCESSORS = ['arm', 'arm64', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

const path = process.argv[2] ?? fileURLToPath(new URL('../package-lock.json', import.meta.url))
const lockfile = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, object & Entry> }
const added = missing(lockfile.packages)
Object.assign(lockfile.packages, added)
const sorted = Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
lockfile.packages = Object.fromEntries(sorted)
writeFileSync(path, `${JSON.stringify(lockfile, null, 2)}\n`)
console.log(`${Object.keys(added).length} packages of other platforms entered.`)

function missing(packages: Readonly<Record<string, Entry>>): Record<string, object> {
  const found: Record<string, object> = {}
  for (const entry of Object.values(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (Object.keys(packages).some((key) => key === `node_modules/${name}` || key.endsWith(`/node_modules/${name}`))) continue
      const platform = platformOf(name)
      if (platform !== undefined) found[`node_modules/${name}`] = { version, dev: entry.dev === true, optional: true, ...platform }
    }
  }
  return found
}

/** `binding-linux-arm64-musl` -> linux, arm64, musl; undefined when the name tells no platform. */
function platformOf(name: string): Platform | undefined {
  const words = name.split(/[/-]/)
  const os = SYSTEMS.filter((word) => words.includes(word))
  const cpu = PROCESSORS.filter((word) => words.includes(word))
  if (os.length !== 1 || cpu.length !== 1) return undefined
  if (!words.includes('linux')) return { os, cpu }
  const isMusl = words.some((word) => word.startsWith('musl'))
  return { os, cpu, libc: [isMusl ? 'musl' : 'glibc'] }
}
