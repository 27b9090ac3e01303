// Which JavaScript engines this machine has, besides the one that runs the tests.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from '../docs/child.ts'

/** The first `node` on the PATH that is a Node 20. */
export async function findNode20(): Promise<string | undefined> {
  for (const path of onPath('node')) {
    const { stdout } = await run(path, ['--version'])
    if (stdout.startsWith('v20.')) return path
  }
  return undefined
}

/** Where this command is, in the order of the PATH. */
export function onPath(command: string): readonly string[] {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, command))
  return paths.filter((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
